/// How a mixture used its experts on the calibration text.
public struct MixtureUse: Sendable, Equatable {
  /// The parameter that names the mixture.
  public let router: String
  /// Tokens that were routed.
  public var tokenCount: Int
  /// One for each expert, in the order of the router's rows.
  public var experts: [ExpertUse]
  /// The part that the text of each task has in it, in the order of ``SweepCalibration/taskNames``.
  public var tasks: [MixtureUse] = []

  public init(router: String, tokenCount: Int, experts: [ExpertUse]) {
    self.router = router
    self.tokenCount = tokenCount
    self.experts = experts
  }

  /// The use that several texts, of a task each, make of one mixture; at least one text.
  public init(ofTasks tasks: [MixtureUse]) {
    self = tasks[0]
    for task in tasks.dropFirst() {
      precondition(task.router == router && task.experts.count == experts.count)
      tokenCount += task.tokenCount
      for index in experts.indices { experts[index].add(task.experts[index]) }
    }
    self.tasks = tasks
  }

  public var isFinite: Bool { experts.allSatisfy(\.isFinite) }
}

/// What one expert did: sums over the tokens it was chosen for, unless they say otherwise. p is the router's
/// probability of the expert, g the gate that its output f(x) is weighted with.
public struct ExpertUse: Sendable, Equatable {
  /// Tokens it was chosen for.
  public var tokenCount = 0
  /// Σ p over all tokens, chosen or not.
  public var probabilitySum = 0.0
  /// Σ p.
  public var chosenProbabilitySum = 0.0
  /// Σ g.
  public var gateSum = 0.0
  /// Σ g·‖f(x)‖₂.
  public var outputSum = 0.0
  /// Σ g²·‖f(x)‖₂²: the energy it contributes.
  public var energy = 0.0
  /// The largest magnitude of an element of f(x).
  public var largestActivation: Float = 0

  public init() {}

  fileprivate mutating func add(_ other: ExpertUse) {
    tokenCount += other.tokenCount
    probabilitySum += other.probabilitySum
    chosenProbabilitySum += other.chosenProbabilitySum
    gateSum += other.gateSum
    outputSum += other.outputSum
    energy += other.energy
    largestActivation = max(largestActivation, other.largestActivation)
  }

  var isFinite: Bool {
    (probabilitySum + chosenProbabilitySum + gateSum + outputSum + energy).isFinite && largestActivation.isFinite
  }
}

/// How sure the router of a mixture was of the experts it chose for the tokens of the calibration text.
public struct GateSample: Sendable, Equatable {
  /// The parameter that names the mixture.
  public let router: String
  /// For every expert chosen after a token's first: its probability over that of the first.
  public var ratios: [Float] = []
  /// ‖x‖₂ of every token's input.
  public var norms: [Float] = []

  public init(router: String) { self.router = router }
}
