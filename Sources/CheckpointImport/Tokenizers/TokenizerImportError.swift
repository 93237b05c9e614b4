import Diagnostics

/// Why a checkpoint's tokenizer is refused, beyond what its JSON or protobuf reader says.
public enum TokenizerImportError: Diagnosable, Equatable {
  /// The file contradicts its own format.
  case malformed(file: String, place: String, why: String)
  /// The file is in order but asks for something Swage does not do.
  case unsupported(file: String, component: String, found: String, supported: String)

  var isUnsupported: Bool {
    if case .unsupported = self { true } else { false }
  }

  public var diagnosis: Diagnosis {
    switch self {
    case .malformed(let file, let place, let why):
      Diagnosis(
        code: "tokenizer.malformed", what: "\(file) is not a usable tokenizer file", place: "\(file), \(place)",
        why: why,
        fix: "fetch the file again from where the checkpoint came from", status: .malformedInput)
    case .unsupported(let file, let component, let found, let supported):
      Diagnosis(
        code: "tokenizer.unsupported", what: "\(file) uses a \(component) that is not supported: \(found)",
        place: "\(file), \(component)", why: "supported: \(supported)",
        fix: "use a checkpoint with a byte-level BPE tokenizer.json or a SentencePiece tokenizer.model",
        status: .unsupported)
    }
  }
}
