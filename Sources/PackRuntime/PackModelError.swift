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
