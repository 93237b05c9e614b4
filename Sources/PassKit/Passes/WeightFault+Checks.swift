import Encodings
import TensorCore

extension WeightFault {
  /// Checks that weights, rows of `rowElementCount` that begin at `firstRow` of their matrix, are finite.
  /// - Throws: for the first that is not.
  public static func requireFinite(
    _ weights: Span<Float>, rowElementCount: Int, firstRow: Int = 0
  ) throws(WeightFault) {
    guard let index = Finiteness.firstNonFinite(in: weights) else { return }
    throw WeightFault(
      kind: .notFinite, row: firstRow + index / rowElementCount, column: index % rowElementCount,
      value: weights[index])
  }

  /// Finite weights as elements of `type`, and what a reader of these sees.
  /// - Throws: for the first weight that rounds to infinity.
  public static func round(
    _ weights: Span<Float>, rowElementCount: Int, to type: ElementType
  ) throws(WeightFault) -> (bytes: [UInt8], decoded: [Float]) {
    let bytes = DenseCodec.encode(weights, as: type)
    let decoded = DenseCodec.decode(bytes.span, as: type)
    guard let index = Finiteness.firstNonFinite(in: decoded.span) else { return (bytes, decoded) }
    throw WeightFault(
      kind: .tooLarge(for: type), row: index / rowElementCount, column: index % rowElementCount, value: weights[index])
  }
}
