/// How far new weights are from the old ones.
public struct WeightError: Sendable {
  /// Σ (new − old)².
  public var squaredError: Double
  /// Σ old².
  public var squaredNorm: Double

  public init(squaredError: Double, squaredNorm: Double) {
    self.squaredError = squaredError
    self.squaredNorm = squaredNorm
  }
}
