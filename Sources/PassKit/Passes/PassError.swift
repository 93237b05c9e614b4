import Diagnostics
import Encodings
import TensorCore

/// Why a pass cannot do its work on a model, as facts. ``StepFailure`` adds which step it was.
public enum PassError: Error, Equatable {
  /// A pattern of `targets` that matches no parameter.
  case noMatch(pattern: String, suggestion: String?, examples: [String])
  /// Nothing is left for the pass to take.
  case nothingToDo(why: String, fix: String)
  /// The targets hold a parameter that is no longer dense.
  case alreadyCompressed(parameter: String, encoding: Encoding)
  case notAMatrix(parameter: String)
  case groupDoesNotDivide(group: Int, rows: [RowLength], largestDivisor: Int)
  /// Embedding and head share a tensor but were given different bits.
  case tiedHead(parameter: String, embeddingBits: Int, headBits: Int)
  case weight(parameter: String, WeightFault)
  /// A calibrated pass without calibration data.
  case needsCalibration
  /// A pass left a parameter without the encoding its plan announced.
  case brokenPlan(parameter: String)
  case cancelled

  /// A parameter and the elements in one of its rows.
  public struct RowLength: Sendable, Equatable {
    public let parameter: String
    public let elementCount: Int

    public init(parameter: String, elementCount: Int) {
      self.parameter = parameter
      self.elementCount = elementCount
    }
  }
}

/// A step of the list that failed.
public struct StepFailure: Error, Equatable, Diagnosable {
  /// Counts from 1.
  public let number: Int
  public let step: PassStep
  public let error: PassError

  public var diagnosis: Diagnosis {
    let inner = error.diagnosis
    let stepWords = "step \(number), \(step.name), \(step.place)"
    return Diagnosis(
      code: inner.code, what: inner.what, place: inner.place.isEmpty ? stepWords : "\(inner.place) (\(stepWords))",
      why: inner.why, fix: inner.fix, status: inner.status)
  }
}

extension PassError: Diagnosable {
  public var diagnosis: Diagnosis {
    switch self {
    case .noMatch(let pattern, let suggestion, let examples):
      .usage(
        "no-match", "the target '\(pattern)' matches no parameter", at: "targets",
        why: "parameters have names such as \(examples.joined(separator: ", "))",
        fix: suggestion.map { "did you mean '\($0)'?" } ?? "`swage inspect CHECKPOINT` lists the names")
    case .nothingToDo(let why, let fix):
      .usage("nothing-to-do", "there is nothing for this pass to do", at: "", why: why, fix: fix)
    case .alreadyCompressed(let parameter, let encoding):
      .usage(
        "already-compressed", "\(parameter) is \(encoding.text) and cannot be taken again", at: parameter,
        why: "an earlier step of the list compressed it, and this pass works on dense weights",
        fix: "exclude it with '!\(parameter)' or a wider pattern, or move this step before the other")
    case .notAMatrix(let parameter):
      .usage(
        "not-a-matrix", "\(parameter) is a vector, and this pass takes matrices", at: parameter,
        why: "norms and biases are small and sensitive", fix: "take it out of the targets")
    case .groupDoesNotDivide(let group, let rows, let divisor):
      .usage(
        "group-does-not-divide", "groups of \(group) do not divide the rows of \(Self.list(rows))",
        at: rows.first?.parameter ?? "", why: "every group of a row has its own scale, and no group may be cut",
        fix: "use group=\(divisor), the largest size that divides every row, or exclude these with targets")
    case .tiedHead(let parameter, let embeddingBits, let headBits):
      .usage(
        "tied-head", "embedding=\(embeddingBits) and head=\(headBits) ask two widths of one tensor", at: parameter,
        why: "the head of this model multiplies by the embedding table",
        fix: "leave head out, or give both the same value")
    case .weight(let parameter, let fault): Self.diagnosis(of: fault, in: parameter)
    case .needsCalibration:
      .usage(
        "needs-calibration", "this pass needs calibration data", at: "", why: "it looks at the inputs of every block",
        fix: "name a text under 'calibration:' in the list, or with --calibration")
    case .brokenPlan(let parameter):
      Diagnosis(
        code: "passes.broken-plan", what: "the pass did not give \(parameter) the encoding it planned",
        place: parameter,
        why: "plan and run must agree", fix: "this is a fault in Swage; please report it with the pass list",
        status: .internalError)
    case .cancelled:
      Diagnosis(
        code: "passes.interrupted", what: "interrupted", place: "", why: "the user asked to stop",
        fix: "run the command again", status: .interrupted)
    }
  }

  private static func diagnosis(of fault: WeightFault, in parameter: String) -> Diagnosis {
    let place = "\(parameter), row \(fault.row), column \(fault.column)"
    switch fault.kind {
    case .notFinite:
      return Diagnosis(
        code: "weights.not-finite", what: "\(parameter) holds \(fault.value.isNaN ? "NaN" : "infinity")", place: place,
        why: "a model with such a weight computes nothing meaningful", fix: "get an intact copy of the checkpoint",
        status: .malformedInput)
    case .tooLarge(let type):
      return Diagnosis(
        code: "weights.too-large", what: "\(parameter) holds \(fault.value), which is too large for \(type.rawValue)",
        place: place, why: "it would become infinity", fix: "cast to bf16 or f32, or exclude this tensor with targets",
        status: .malformedInput)
    }
  }

  /// Every parameter with its row length; those that differ only in numbers together.
  private static func list(_ rows: [RowLength]) -> String {
    var groups: [(name: String, elementCount: Int, first: String, count: Int)] = []
    for row in rows {
      let words = row.parameter.split(separator: ".").map { $0.allSatisfy(\.isNumber) ? "*" : $0 }
      let name = words.joined(separator: ".")
      if let index = groups.firstIndex(where: { $0.name == name && $0.elementCount == row.elementCount }) {
        groups[index].count += 1
      } else {
        groups.append((name, row.elementCount, row.parameter, 1))
      }
    }
    return groups.map { group in
      group.count == 1
        ? "\(group.first) (\(group.elementCount) elements)"
        : "\(group.count) × \(group.name) (\(group.elementCount) elements)"
    }.joined(separator: ", ")
  }
}

extension Diagnosis {
  fileprivate static func usage(_ code: String, _ what: String, at place: String, why: String, fix: String) -> Diagnosis
  {
    Diagnosis(code: "passes.\(code)", what: what, place: place, why: why, fix: fix, status: .usage)
  }
}
