import Diagnostics

/// A pack whose parts are each well-formed but do not make a model together.
public enum PackModelError: Error, Equatable, Diagnosable {
  case parameterMissing(name: String, path: String)
  case parameterUnused(name: String, path: String)
  /// Manifest and graph declare different dimensions or roles.
  case parameterDiffers(name: String, path: String)
  case vectorNotDense(name: String, path: String)
  /// Manifest and graph disagree on the vocabulary or the context.
  case countsDiffer(path: String)
  /// The tokenizer has ids that the model has no logits for.
  case tokenizerTooLarge(tokenizer: Int, model: Int, path: String)
  case noTokenizer(path: String)
  /// A task whose experts the graph does not have.
  case taskDiffers(task: String, why: String, path: String)
  /// A task was asked for, and the pack has none.
  case noTasks(path: String)
  case unknownTask(String, nearest: String?, known: [String], path: String)
  /// A limit on the memory of experts where there are none.
  case noExperts(path: String)
  /// Less memory than the experts of one token take in one mixture.
  case expertMemoryTooSmall(limit: Int, minimum: Int, path: String)
  /// Experts are to be left out, and the graph has no thresholds.
  case noSkipping(path: String)
  /// An encoder–decoder without a token that its target begins with.
  case noTargetBeginning(path: String)
  /// A folder where a packed file is expected.
  case folder(path: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .parameterMissing(let name, let path):
      malformed("parameter-missing", "the graph uses a parameter that the pack does not hold", "\(path), \(name)")
    case .parameterUnused(let name, let path):
      malformed("parameter-unused", "the pack holds a parameter that the graph does not use", "\(path), \(name)")
    case .parameterDiffers(let name, let path):
      malformed("parameter-differs", "manifest and graph describe a parameter differently", "\(path), \(name)")
    case .vectorNotDense(let name, let path):
      malformed("vector-not-dense", "a norm or bias is not stored as floats", "\(path), \(name)")
    case .countsDiffer(let path):
      malformed("counts-differ", "manifest and graph disagree on vocabulary or context", path)
    case .tokenizerTooLarge(let tokenizer, let model, let path):
      malformed("tokenizer-too-large", "the tokenizer has \(tokenizer) ids where the model knows \(model)", path)
    case .folder(let path):
      Diagnosis(
        code: "model.folder", what: "this is a folder, not a packed file", place: path,
        why: "checkpoints are compiled before they run", fix: "swage compile \(path) -o NAME.swage, then use NAME.swage",
        status: .malformedInput)
    case .noTokenizer(let path):
      Diagnosis(
        code: "model.no-tokenizer", what: "the pack has no tokenizer", place: path,
        why: "the checkpoint it was made from had none, so text cannot be turned into tokens",
        fix: "give token ids with --ids, or compile a checkpoint with tokenizer.json or tokenizer.model",
        status: .unsupported)
    case .taskDiffers(let task, let why, let path):
      Diagnosis(
        code: "model.task-differs", what: "a task does not fit the graph", place: "\(path), task \(task)", why: why,
        fix: "compile the model again", status: .malformedInput)
    case .noTasks(let path):
      Diagnosis(
        code: "model.no-tasks", what: "the pack holds no tasks", place: path,
        why: "--task takes a part of the experts that was chosen when the pack was made, and none was",
        fix: "leave out --task, or compile with a text for each task and 'prune-experts profiles=true'", status: .usage)
    case .unknownTask(let name, let nearest, let known, let path):
      Diagnosis(
        code: "model.unknown-task", what: "the pack has no task '\(name)'", place: path,
        why: "its tasks are \(known.joined(separator: ", "))",
        fix: nearest.map { "did you mean '\($0)'?" } ?? "name one of them, or leave out --task", status: .usage)
    case .noExperts(let path):
      Diagnosis(
        code: "model.no-experts", what: "the pack has no experts", place: path,
        why: "--expert-memory limits the memory of a mixture's experts, and this model is no mixture",
        fix: "leave out --expert-memory", status: .usage)
    case .expertMemoryTooSmall(let limit, let minimum, let path):
      Diagnosis(
        code: "model.expert-memory-too-small", what: "the memory for experts cannot hold those of one token",
        place: path,
        why: "\(limit) bytes are allowed, the experts that one token visits in one layer take up to \(minimum)",
        fix: "--expert-memory \(minimum) or more, or a share of all experts with a percent sign", status: .limitExceeded)
    case .noSkipping(let path):
      Diagnosis(
        code: "model.no-skipping", what: "nothing says which experts a token can do without", place: path,
        why: "--skip-experts works by thresholds that were found when the pack was made, and this one has none",
        fix: "leave out --skip-experts, or compile a mixture with the pass skip-experts", status: .usage)
    case .noTargetBeginning(let path):
      Diagnosis(
        code: "model.no-target-beginning", what: "nothing says what the decoder begins with", place: path,
        why: "the checkpoint names no decoder_start_token_id, bos_token_id or pad_token_id",
        fix: "give the decoder's first ids with --decoder-ids", status: .usage)
    }
  }

  private func malformed(_ code: String, _ what: String, _ place: String) -> Diagnosis {
    Diagnosis(
      code: "model.\(code)", what: what, place: place, why: "the pack does not describe one model",
      fix: "compile the model again", status: .malformedInput)
  }
}
