import Encodings
import TensorCore

extension QuantizeOptions {
  /// The encoding with every floating-point leaf replaced by codes of `bits`.
  func quantized(_ encoding: Encoding, shape: MatrixShape, bits: Int) -> Encoding {
    switch encoding {
    case .dense: return grouped(bits: bits, rowElementCount: shape.inputCount, unit: 1)
    case .grouped, .trellis: return encoding
    case .sparse(let pattern, .dense):
      return .sparse(
        pattern,
        values: grouped(
          bits: bits, rowElementCount: pattern.keptCount(of: shape.inputCount), unit: pattern.kept))
    case .sparse: return encoding
    case .lowRank, .sum, .wrapped:
      return encoding.replacingParts(
        by: encoding.parts(of: shape).map { quantized($0.encoding, shape: $0.shape, bits: bits) })
    }
  }

  /// With the largest group that is a multiple of `unit`, divides the row and is at most the one asked for; where that is
  /// smaller than `unit`, with groups of `unit`.
  private func grouped(bits: Int, rowElementCount: Int, unit: Int) -> Encoding {
    let multiple = (1...max(1, group / unit)).last { rowElementCount % ($0 * unit) == 0 } ?? 1
    return .grouped(GroupedEncoding(bits: bits, groupElementCount: multiple * unit, isSymmetric: isSymmetric))
  }
}
