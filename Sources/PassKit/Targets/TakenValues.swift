import Encodings

/// Which values a pass works on: the rules by which passes compose, each with its message.
public enum TakenValues: Sendable {
  /// Plain floating-point elements.
  case dense
  /// Whatever holds floating-point elements that can be made smaller: plain matrices, kept values, factors, cores.
  case denseLeaves
  /// What lost precision and has nothing left of it, so that there is an error to correct.
  case quantized

  /// Whether the pass works on a value in `encoding`.
  public func include(_ encoding: Encoding) -> Bool {
    switch self {
    case .dense: encoding.isDense
    case .denseLeaves: encoding.hasDenseLeaf
    case .quantized:
      switch encoding {
      case .grouped, .trellis: true
      case .sparse, .wrapped: !encoding.hasDenseLeaf
      // The size of ternary weights is a bound until they are there; what is planned on top of them cannot hold.
      case .ternary, .dense, .lowRank, .sum: false
      }
    }
  }

  /// Why the pass does not take a parameter in an encoding that it does not include.
  func refusal(of parameter: String, in encoding: Encoding) -> PassError {
    switch self {
    case .dense, .denseLeaves: .alreadyCompressed(parameter: parameter, encoding: encoding)
    case .quantized: .notQuantized(parameter: parameter, encoding: encoding)
    }
  }

  /// Why a pass without targets finds nothing.
  var nothingLeft: PassError {
    switch self {
    case .dense, .denseLeaves:
      .nothingToDo(
        why: "no linear weight of the blocks is still dense", fix: "remove this step, or the one that took them before")
    case .quantized:
      .nothingToDo(
        why: "no linear weight of the blocks is quantized yet, and there is no error to correct",
        fix: "put a quantize step before this one")
    }
  }
}
