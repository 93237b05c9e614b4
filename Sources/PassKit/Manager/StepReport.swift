/// What one step did.
public struct StepReport: Sendable {
  /// Counts from 1.
  public let number: Int
  /// The step in canonical form.
  public let step: String
  /// Parameters that were rewritten.
  public let parameterCount: Int
  /// Bytes of all values of the model.
  public let byteCountBefore: Int
  public let byteCountAfter: Int
  /// Σ (new − old)² / Σ old² over the weights that were rewritten; nil where none was.
  public let relativeSquaredError: Double?
  public let seconds: Double
  /// What the pass had to say about its choice.
  public let notes: [String]
  /// What it found on its way.
  public let tables: [ReportTable]
}
