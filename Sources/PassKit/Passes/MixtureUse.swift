/// How a mixture used its experts on the calibration text.
public struct MixtureUse: Sendable, Equatable {
  /// The parameter that names the mixture.
  public let router: String
  /// Tokens that were routed.
  public var tokenCount: Int
  /// One for each expert, in the order of the router's rows.
  public var experts: [ExpertUse]

  public init(router: String, tokenCount: Int, experts: [ExpertUse]) {
    self.router = router
    self.tokenCount = tokenCount
    self.experts = experts
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

  var isFinite: Bool {
    (probabilitySum + chosenProbabilitySum + gateSum + outputSum + energy).isFinite && largestActivation.isFinite
  }
}
