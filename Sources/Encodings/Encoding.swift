import TensorCore

/// How the weights of one parameter are represented in bytes: an expression over representations (docs/format.md §4).
///
/// A value of shape (outputCount, inputCount) in an encoding is one byte string of `byteCount(of:)` bytes.
public indirect enum Encoding: Sendable, Hashable {
  /// Elements of a floating-point type, row-major, little-endian.
  case dense(ElementType)
  /// Integers that share a scale, and unless symmetric a zero point, over each group of a row.
  case grouped(GroupedEncoding)
}

extension Encoding {
  /// Bytes that a value of `shape` occupies.
  public func byteCount(of shape: MatrixShape) -> Int {
    switch self {
    case .dense(let type): shape.elementCount * type.byteCount
    case .grouped(let grouped): grouped.layout(of: shape).byteCount
    }
  }

  /// Elements a value may have at most, so that no byte count overflows.
  public static let largestElementCount = 1 << 48

  /// Whether a matrix of `shape` can be held in this encoding at all. Asked before anything else about a shape that
  /// comes from a file.
  public func accepts(_ shape: MatrixShape) -> Bool {
    guard shape.outputCount > 0, shape.inputCount > 0 else { return false }
    let (count, overflows) = shape.outputCount.multipliedReportingOverflow(by: shape.inputCount)
    guard !overflows, count <= Self.largestElementCount else { return false }
    switch self {
    case .dense: return true
    case .grouped(let grouped): return shape.inputCount % grouped.groupElementCount == 0
    }
  }
}
