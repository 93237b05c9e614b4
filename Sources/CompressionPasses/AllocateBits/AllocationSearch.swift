import PassKit

/// Looks for the smallest configuration that keeps a target, with a true evaluation of everything it accepts.
struct AllocationSearch {
  /// One configuration that was evaluated.
  struct Step {
    enum Stage: String {
      /// On the path, halving what is left of it.
      case bisection
      /// A single step that the path would have taken later.
      case repair
      /// What a size left over.
      case result
    }

    let stage: Stage
    let assignment: Assignment
    let accuracy: CandidateAccuracy
    let isAccepted: Bool
  }

  /// Single steps tried after the bisection.
  static let repairCount = 6

  private let target: AllocationTarget
  private let byteCount: (Assignment) -> Int
  private let evaluate: (Assignment) throws -> CandidateAccuracy
  private(set) var steps: [Step] = []

  /// - Parameters:
  ///   - byteCount: bytes of all values of the model with an assignment.
  ///   - evaluate: the true accuracy of the model with an assignment.
  init(
    _ target: AllocationTarget, byteCount: @escaping (Assignment) -> Int,
    evaluate: @escaping (Assignment) throws -> CandidateAccuracy
  ) {
    self.target = target
    self.byteCount = byteCount
    self.evaluate = evaluate
  }

  /// Searches `path`, configurations from the largest to the smallest, whose damage is taken to grow along it.
  /// - Parameter ordering: to improve what the bisection finds by steps off the path; nil to leave it.
  /// - Throws: `PassError.targetNotMet`; whatever the evaluation throws.
  mutating func run(on path: [Assignment], ordering: DamageOrdering?) throws -> Assignment {
    if case .size(let limit) = target { return try largest(of: path, within: limit, ordering) }
    let last = try bisect(path)
    guard let ordering, last + 1 < path.count else { return path[last] }
    return try repair(path[last], refused: path[last + 1], ordering)
  }

  /// Evaluates a configuration that was found otherwise.
  mutating func run(onlyOn assignment: Assignment) throws -> Assignment {
    _ = try isAccepted(assignment, at: .result)
    return assignment
  }

  /// The number of the last configuration on the path that keeps the target.
  private mutating func bisect(_ path: [Assignment]) throws -> Int {
    var kept = -1, refused = path.count
    while kept + 1 < refused {
      let middle = (kept + refused) / 2
      if try isAccepted(path[middle], at: .bisection) { kept = middle } else { refused = middle }
    }
    guard kept >= 0 else {
      throw PassError.targetNotMet(target: target.text, best: steps.last?.accuracy.text ?? "nothing")
    }
    return kept
  }

  /// Tries the steps from `start` that are predicted to do less damage than the one to `refused`, those that save most
  /// first, and keeps the ones that keep the target.
  private mutating func repair(
    _ start: Assignment, refused: Assignment, _ ordering: DamageOrdering
  ) throws -> Assignment {
    let moves = ordering.downwardMoves(from: start)
    guard let limit = moves.first(where: { refused[$0.unit] != start[$0.unit] })?.damage else { return start }
    var best = start
    for move in moves.filter({ $0.damage < limit }).sorted(by: { $0.saving > $1.saving }).prefix(Self.repairCount) {
      var assignment = best
      assignment[move.unit] = move.option
      if try isAccepted(assignment, at: .repair) { best = assignment }
    }
    return best
  }

  /// The first configuration on the path that fits, with what is left over given to the units that need it most.
  private mutating func largest(
    of path: [Assignment], within limit: Int, _ ordering: DamageOrdering?
  ) throws -> Assignment {
    guard let first = path.first(where: { byteCount($0) <= limit }) else {
      throw target.notMet(leastByteCount: path.last.map(byteCount) ?? 0)
    }
    let result = ordering?.filled(first, byteCount: limit - byteCount(first)) ?? first
    _ = try isAccepted(result, at: .result)
    return result
  }

  private mutating func isAccepted(_ assignment: Assignment, at stage: Step.Stage) throws -> Bool {
    let accuracy = try evaluate(assignment)
    let isAccepted = target.isKept(by: accuracy)
    steps.append(Step(stage: stage, assignment: assignment, accuracy: accuracy, isAccepted: isAccepted))
    return isAccepted
  }
}
