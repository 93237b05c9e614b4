import Diagnostics

/// Why the parts of a checkpoint do not fit together. `folder` is a path.
public enum CheckpointError: Diagnosable, Equatable {
  case configMissing(folder: String)
  /// None of `names` is there, and one of them has to be.
  case tensorMissing(names: [String], parameter: String, dimensions: [Int], folder: String)
  case wrongDimensions(tensor: String, expected: [Int], found: [Int], folder: String)
  /// A tensor that only makes sense with arithmetic Swage does not do.
  case foreignTensor(String, feature: String, folder: String)
  case tokenizerTooLarge(tokenCount: Int, vocabularyCount: Int, folder: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .configMissing(let folder):
      Diagnosis(
        code: "checkpoint.config-missing", what: "there is no config.json beside the weights", place: folder,
        why: "the weights alone do not say how they are used", fix: "fetch config.json into the same folder",
        status: .missingInput)
    case .tensorMissing(let names, let parameter, let dimensions, let folder):
      Diagnosis(
        code: "checkpoint.tensor-missing", what: "the tensor `\(names[0])` is missing", place: folder,
        why: "config.json asks for \(parameter) of shape \(dimensions)"
          + (names.count > 1 ? ", and neither \(names.map { "`\($0)`" }.joined(separator: " nor ")) is there" : ""),
        fix: "fetch the weights again, or correct config.json", status: .malformedInput)
    case .wrongDimensions(let tensor, let expected, let found, let folder):
      Diagnosis(
        code: "checkpoint.wrong-dimensions", what: "the tensor `\(tensor)` has the shape \(found)", place: folder,
        why: "config.json asks for \(expected)", fix: "fetch config.json and weights of one and the same model",
        status: .malformedInput)
    case .foreignTensor(let tensor, let feature, let folder):
      Diagnosis(
        code: "checkpoint.foreign-tensor", what: "the checkpoint contains \(feature)",
        place: "\(folder), tensor `\(tensor)`",
        why: "these cannot be read as plain weights",
        fix: "merge or convert them into a checkpoint in float32, float16 or bfloat16", status: .unsupported)
    case .tokenizerTooLarge(let tokenCount, let vocabularyCount, let folder):
      Diagnosis(
        code: "checkpoint.tokenizer-too-large", what: "the tokenizer has more tokens than the model", place: folder,
        why: "the highest token id is \(tokenCount - 1), and the embedding has \(vocabularyCount) rows",
        fix: "fetch tokenizer and model of one and the same release", status: .malformedInput)
    }
  }
}
