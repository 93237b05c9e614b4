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
  /// The targets of a correction hold a parameter that has no error, or has been corrected.
  case notQuantized(parameter: String, encoding: Encoding)
  case notAMatrix(parameter: String)
  case groupDoesNotDivide(group: Int, rows: [RowLength], largestDivisor: Int)
  case patternDoesNotDivide(SparsePattern, rows: [RowLength])
  /// An option says what an earlier step has decided, for this parameter among others.
  case decidedBefore(option: String, parameter: String, encoding: Encoding)
  /// Embedding and head share a tensor but were given different bits.
  case tiedHead(parameter: String, embeddingBits: Int, headBits: Int)
  case weight(parameter: String, WeightFault)
  /// The inputs of a parameter overflowed, or a weight before it did.
  case statisticsNotFinite(parameter: String)
  /// None of the candidates can hold a parameter.
  case noCandidateFits(parameter: String, rowElementCount: Int, candidates: [String])
  /// Factors of this rank would be no smaller than the matrix; `largest` is the largest rank at which they are.
  case rankPastBreakEven(parameter: String, rank: Int, largest: Int)
  /// A mixture would keep fewer experts than it chooses for a token.
  case tooFewExperts(router: String, kept: Int, active: Int, expertCount: Int)
  /// Experts cannot go where the router is no longer dense, or will not be; `alternative` is what helps besides another
  /// order of steps.
  case routerTaken(router: String, encoding: Encoding, alternative: String?)
  /// Sets of experts for tasks need several tasks; `found` are named.
  case needsTasks(found: [String])
  /// There are sets of experts for `most` tasks at most.
  case tooManyTasks(count: Int, most: Int)
  /// An earlier step has chosen experts for tasks, from the blocks and experts there are.
  case profiledBefore(tasks: [String])
  /// What a parameter was before the first step is needed and no longer there.
  case originalGone(parameter: String)
  /// No candidate keeps the stated accuracy or size; `best` is what came nearest.
  case targetNotMet(target: String, best: String)
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
    case .notQuantized(let parameter, let encoding):
      .usage(
        "not-quantized", "\(parameter) is \(encoding.text), and there is no error to correct", at: parameter,
        why: "a correction adds what quantizing lost, once",
        fix: "exclude it with '!\(parameter)', or put a quantize step before this one")
    case .patternDoesNotDivide(let pattern, let rows):
      .usage(
        "pattern-does-not-divide",
        "the pattern \(pattern.kept):\(pattern.group) does not divide the rows of \(Self.list(rows))",
        at: rows.first?.parameter ?? "", why: "places are kept in whole groups of \(pattern.group) elements of a row",
        fix: "use a pattern whose group divides every row, or exclude these with targets")
    case .decidedBefore(let option, let parameter, let encoding):
      .usage(
        "decided-before", "\(option) is given, but an earlier step has decided it", at: parameter,
        why: "\(parameter) is to become \(encoding.text)", fix: "leave \(option) out, or remove the step that decided")
    case .tiedHead(let parameter, let embeddingBits, let headBits):
      .usage(
        "tied-head", "embedding=\(embeddingBits) and head=\(headBits) ask two widths of one tensor", at: parameter,
        why: "the head of this model multiplies by the embedding table",
        fix: "leave head out, or give both the same value")
    case .weight(let parameter, let fault): Self.diagnosis(of: fault, in: parameter)
    case .statisticsNotFinite(let parameter):
      Diagnosis(
        code: "calibration.not-finite", what: "the inputs of \(parameter) are not finite", place: parameter,
        why: "a NaN or infinity came out of the layers before it on the calibration text",
        fix: "check the checkpoint, and that earlier steps of the list leave a model that works (swage verify)",
        status: .malformedInput)
    case .noCandidateFits(let parameter, let rowElementCount, let candidates):
      .usage(
        "no-candidate-fits", "\(parameter) can be held by none of \(candidates.joined(separator: ", "))", at: parameter,
        why: "its rows have \(rowElementCount) elements, which groups and patterns must divide",
        fix: "add a candidate with a smaller group, or exclude it with '!\(parameter)'")
    case .rankPastBreakEven(let parameter, let rank, let largest):
      .usage(
        "rank-past-break-even", "factors of rank \(rank) are no smaller than \(parameter)", at: parameter,
        why: "they would take as many parameters as the matrix itself",
        fix: largest > 0
          ? "use a rank of at most \(largest), exclude it with '!\(parameter)', or say allow-growth=true"
          : "exclude it with '!\(parameter)'")
    case .tooFewExperts(let router, let kept, let active, let expertCount):
      .usage(
        "too-few-experts", "\(kept) of \(expertCount) experts would stay, and every token goes to \(active)",
        at: router, why: "the router must have as many to choose from as it chooses",
        fix: "keep \(active) or more: count=\(active), "
          + "share=\(NumberText.significant(Double(active) / Double(expertCount)))")
    case .routerTaken(let router, let encoding, let alternative):
      .usage(
        "router-taken", "no experts can be taken out where the router is \(encoding.text)", at: router,
        why: "an earlier step took the router or decided about it, and only a dense one can lose the rows of experts",
        fix: "move this step before the one that took the router" + (alternative.map { ", or \($0)" } ?? ""))
    case .needsTasks(let found):
      .usage(
        "needs-tasks", "experts are to be chosen for each task, and \(found.isEmpty ? "no" : "one") task is named",
        at: "calibration", why: "with fewer than two tasks there is one choice, which needs no name",
        fix: "give a text for each: --calibration prose=FILE --calibration code=FILE, or 'tasks' in the list")
    case .tooManyTasks(let count, let most):
      .usage(
        "too-many-tasks", "experts are to be chosen for each of \(count) tasks", at: "calibration",
        why: "a pack holds sets of experts for \(most) tasks at most",
        fix: "join the texts of tasks that are alike, or leave profiles out")
    case .profiledBefore(let tasks):
      .usage(
        "profiled-before", "an earlier step has chosen the experts of \(tasks.joined(separator: ", "))", at: "",
        why: "it chose from the blocks and experts there are, and this step would take some of them out",
        fix: "move this step before the other, or remove it")
    case .originalGone(let parameter):
      .usage(
        "original-gone", "\(parameter) has no dense original to be compared with", at: parameter,
        why: "a correction is made of what earlier steps lost, and the checkpoint holds no such dense tensor",
        fix: "exclude it with '!\(parameter)'")
    case .targetNotMet(let target, let best):
      Diagnosis(
        code: "passes.target-not-met", what: "no candidate reaches \(target)", place: target,
        why: "the best found was \(best)", fix: "relax the target, or add candidates: smaller ones for a size, larger ones for an accuracy",
        status: .limitExceeded)
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
