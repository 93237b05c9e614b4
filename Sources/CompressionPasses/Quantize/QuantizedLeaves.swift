import Encodings
import ModelGraph
import TensorCore

extension QuantizeOptions {
  /// The encoding with every floating-point leaf replaced by codes of `bits`.
  ///
  /// A table that is looked up row by row keeps integers, and so do kept values and what has more bits than a trellis.
  func quantized(_ encoding: Encoding, shape: MatrixShape, role: ParameterRole, bits: Int) -> Encoding {
    switch encoding {
    case .dense where isTrellis(role: role, bits: bits): return .trellis(TrellisEncoding(bits: bits))
    case .dense: return grouped(bits: bits, rowElementCount: shape.inputCount, unit: 1)
    case .grouped, .trellis, .ternary: return encoding
    case .sparse(let pattern, .dense):
      return .sparse(
        pattern,
        values: grouped(
          bits: bits, rowElementCount: pattern.keptCount(of: shape.inputCount), unit: pattern.kept))
    case .sparse: return encoding
    case .lowRank, .sum, .wrapped:
      return encoding.replacingParts(
        by: encoding.parts(of: shape).map { quantized($0.encoding, shape: $0.shape, role: role, bits: bits) })
    }
  }

  /// Whether a plain matrix gets the codes of a trellis.
  func isTrellis(role: ParameterRole, bits: Int) -> Bool {
    codes == .trellis && role != .embedding && TrellisEncoding.bitCounts.contains(bits)
  }

  /// With the largest group that is a multiple of `unit`, divides the row and is at most the one asked for; where that
  /// is smaller than `unit`, with groups of `unit`.
  private func grouped(bits: Int, rowElementCount: Int, unit: Int) -> Encoding {
    let multiple = (1...max(1, group / unit)).last { rowElementCount % ($0 * unit) == 0 } ?? 1
    return .grouped(GroupedEncoding(bits: bits, groupElementCount: multiple * unit, isSymmetric: isSymmetric))
  }
}
