import Diagnostics
import Encodings
import TensorCore

/// A model whose parts do not fit together. A pass that leaves one behind has a fault.
public enum ModelError: Error, Equatable, Diagnosable {
  case valueMissing(parameter: String)
  case parameterMissing(value: String)
  case wrongByteCount(parameter: String, expected: Int, found: Int)
  case encodingRefusesShape(parameter: String, encoding: Encoding, shape: MatrixShape)
  /// The profile names experts that the graph does not have.
  case profileOfOtherGraph(task: String)

  public var diagnosis: Diagnosis {
    let (code, what, place): (String, String, String) =
      switch self {
      case .valueMissing(let parameter):
        ("model.value-missing", "the graph uses a parameter that has no value", parameter)
      case .parameterMissing(let value):
        ("model.parameter-missing", "there is a value that the graph does not use", value)
      case .wrongByteCount(let parameter, let expected, let found):
        ("model.wrong-byte-count", "the value has \(found) bytes where its encoding needs \(expected)", parameter)
      case .encodingRefusesShape(let parameter, let encoding, let shape):
        (
          "model.encoding-refuses-shape",
          "\(encoding.text) cannot hold \(shape.outputCount) × \(shape.inputCount) weights", parameter
        )
      case .profileOfOtherGraph(let task):
        ("model.profile-of-other-graph", "a task's experts are not those of the graph", task)
      }
    return Diagnosis(
      code: code, what: what, place: place, why: "the model would not be the one its graph describes",
      fix: "this is a fault in Swage; please report it with the pass list", status: .internalError)
  }
}
