/// A matrix in a new encoding, and how far it is from what it was.
public struct EncodedMatrixValue: Sendable {
  /// The value, as many bytes as the encoding needs for the shape.
  public var bytes: [UInt8]
  /// Σ (new − old)².
  public var squaredError: Double
  /// tr(E·G·Eᵀ) / tokenCount with E = new − old and G = Σ x·xᵀ: the mean squared change of the output. With mean
  /// squares only, G / tokenCount is their diagonal; with nothing known, the unit matrix.
  public var outputError: Double
  /// Set when no damping made the inputs' Gram matrix positive definite: the matrix was rounded without feedback.
  public var lacksFeedback: Bool

  public init(bytes: [UInt8], squaredError: Double, outputError: Double, lacksFeedback: Bool = false) {
    self.bytes = bytes
    self.squaredError = squaredError
    self.outputError = outputError
    self.lacksFeedback = lacksFeedback
  }
}
