import Encodings
import TensorCore

/// Consecutive rows of a value under construction, and how far they are from what they encode. Parts made apart are
/// joined in order.
public struct EncodedRows: Sendable {
  /// Dense elements; empty where there is a packer.
  private var dense: [UInt8] = []
  private var packer: GroupedPacker?
  /// Σ (decoded − weight)² over the rows.
  public private(set) var squaredError = 0.0

  /// Rows of a grouped value.
  public init(_ packer: GroupedPacker, squaredError: Double) {
    self.packer = packer
    self.squaredError = squaredError
  }

  /// No rows yet, with room for a whole value of `shape`.
  init(roomFor shape: MatrixShape, in encoding: Encoding) {
    switch encoding {
    case .dense: dense.reserveCapacity(encoding.byteCount(of: shape))
    case .grouped(let grouped):
      packer = GroupedPacker(encoding: grouped, inputCount: shape.inputCount, expectedRowCount: shape.outputCount)
    case .trellis, .ternary, .sparse, .lowRank, .sum, .wrapped:
      preconditionFailure("no parameter pass makes \(encoding.text)")
    }
  }

  /// Dense rows of `type`.
  /// - Parameter weights: finite, of `shape`, row-major.
  /// - Throws: for the first weight that rounds to infinity.
  public init(rounding weights: Span<Float>, shape: MatrixShape, to type: ElementType) throws(WeightFault) {
    let (bytes, decoded) = try WeightFault.round(weights, rowElementCount: shape.inputCount, to: type)
    dense = bytes
    for index in weights.indices {
      let difference = Double(decoded[index]) - Double(weights[index])
      squaredError += difference * difference
    }
  }

  /// Appends the rows that follow; they must be in the same encoding.
  mutating func append(_ next: EncodedRows) {
    squaredError += next.squaredError
    dense += next.dense
    if let more = next.packer { packer?.append(contentsOf: more) }
  }

  /// The bytes of the value.
  consuming func finish() -> [UInt8] { packer?.finish() ?? dense }
}
