import Diagnostics
import ModelGraph

/// What cannot be done to a model that reads a source and a target: a text is one sequence, and does not say where one
/// ends and the other begins.
public enum EncoderDecoderError: Error, Equatable, Diagnosable {
  case calibration(architecture: String)
  case measurement(architecture: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .calibration(let architecture):
      Diagnosis(
        code: "calibration.encoder-decoder", what: "an encoder–decoder cannot be calibrated", place: architecture,
        why: "it reads a source and a target, and a calibration text does not say which is which",
        fix: "use methods that look at weights alone, such as quantize method=rtn, cast, or sparsify method=magnitude",
        status: .unsupported)
    case .measurement(let architecture):
      Diagnosis(
        code: "verify.encoder-decoder", what: "an encoder–decoder cannot be measured on a text", place: architecture,
        why: "it reads a source and a target, and a text does not say which is which",
        fix: "compile without a text, and use swage-run score with --ids and --decoder-ids on both packs",
        status: .unsupported)
    }
  }
}

extension ModelGraph {
  func requireOneSequence(or error: (String) -> EncoderDecoderError) throws(EncoderDecoderError) {
    guard sourceSequence == nil else { throw error(architecture) }
  }
}
