import ModelGraph
import TensorCore

/// What the forward pass needs of a model: operators and vectors by parameter name, never how they are stored.
public protocol OperatorSource {
  /// The matrix called `name`: a linear weight, an embedding table, a router or a head.
  func linear(_ name: String) throws -> any LinearOperator

  /// The elements of the vector called `name`: a norm's weight or a bias.
  func vector(_ name: String) throws -> [Float]

  /// The experts of `mixture`. The default binds them all at once with ``linear(_:)``.
  func experts(of mixture: Mixture) throws -> any ExpertOperators
}

extension OperatorSource {
  public func experts(of mixture: Mixture) throws -> any ExpertOperators {
    try BoundExperts(of: mixture, from: self)
  }
}

/// The experts of one mixture, lent one at a time when tokens are routed to them, so that they need not all be resident.
public protocol ExpertOperators {
  /// Says which experts are asked for next, in ascending order, before any of them is. The default does nothing.
  func willUse(_ experts: [Int])

  /// Lends the operators of expert `index` for the length of the call. An expert without tokens is never asked for.
  func withExpert(_ index: Int, _ body: (GatedOperators) throws -> Void) throws
}

extension ExpertOperators {
  public func willUse(_ experts: [Int]) {}
}

/// The matrices of a feed-forward layer: down · (f(gate · x) ⊙ (up · x)), or down · f(up · x) without a gate.
public struct GatedOperators: Sendable {
  public let gate: (any LinearOperator)?
  public let up: any LinearOperator
  public let down: any LinearOperator

  public init(gate: (any LinearOperator)?, up: any LinearOperator, down: any LinearOperator) {
    self.gate = gate
    self.up = up
    self.down = down
  }

  /// The matrices of expert `index` of `mixture`.
  /// - Throws: what `source` throws.
  public init(expert index: Int, of mixture: Mixture, from source: some OperatorSource) throws {
    self.init(
      gate: try mixture.isGated ? source.linear(mixture.gate(index)) : nil, up: try source.linear(mixture.up(index)),
      down: try source.linear(mixture.down(index)))
  }
}

/// Experts that are all bound from the start.
public struct BoundExperts: ExpertOperators {
  private let experts: [GatedOperators]

  public init(of mixture: Mixture, from source: some OperatorSource) throws {
    experts = try (0..<mixture.expertCount).map { try GatedOperators(expert: $0, of: mixture, from: source) }
  }

  public func withExpert(_ index: Int, _ body: (GatedOperators) throws -> Void) throws { try body(experts[index]) }
}

/// Sees the input of every linear map as it runs; calibration collects its statistics here.
public protocol LinearObserver: AnyObject {
  /// Called before parameter `name` is applied to `input`, which is (tokenCount, inputCount). Longer sequences come in
  /// several calls; an expert sees only the tokens routed to it.
  func observe(_ name: String, input: Span<Float>, tokenCount: Int)

  /// Whether parameter `name` is to be applied at all. What later maps are shown must not follow from one that is not.
  func needsResult(of name: String) -> Bool

  /// Called when a chunk of a pass over the whole model, or its source, has left `block`.
  func leave(_ block: Block)
}

extension LinearObserver {
  public func needsResult(of name: String) -> Bool { true }
  public func leave(_ block: Block) {}
}
