/// A weight matrix of shape (outputCount, inputCount) in any representation, known only by what it computes.
///
/// The forward pass multiplies by these and never learns how the weights are stored.
public protocol LinearOperator: Sendable {
  var shape: MatrixShape { get }

  /// y = x·Wᵀ for `tokenCount` rows: `x` is (tokenCount, inputCount), `y` is (tokenCount, outputCount), both row-major.
  func apply(_ x: Span<Float>, tokenCount: Int, into y: inout MutableSpan<Float>)

  /// Writes row `index` of W, decoded, into `row` (inputCount elements). This is how an embedding is looked up.
  func decodeRow(_ index: Int, into row: inout MutableSpan<Float>)
}
