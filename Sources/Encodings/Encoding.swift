import TensorCore

/// How the weights of one parameter are represented in bytes: an expression over representations (docs/format.md §4).
///
/// A value of shape (outputCount, inputCount) in an encoding is one byte string of `byteCount(of:)` bytes.
public indirect enum Encoding: Sendable, Hashable {
  /// Elements of a floating-point type, row-major, little-endian.
  case dense(ElementType)
  /// Integers that share a scale, and unless symmetric a zero point, over each group of a row.
  case grouped(GroupedEncoding)
  /// Codes of a trellis that runs down the rows of each column.
  case trellis(TrellisEncoding)
  /// Weights −1, 0 and +1 times levels, with the zeros entropy-coded.
  case ternary(TernaryEncoding)
  /// `kept` of every `group` consecutive elements of a row: where they stand, and a matrix (outputCount,
  /// inputCount / group · kept) of their values.
  case sparse(SparsePattern, values: Encoding)
  /// U·V with U (outputCount, rank) and V (rank, inputCount).
  case lowRank(rank: Int, u: Encoding, v: Encoding)
  /// The sum of two matrices of the same shape.
  case sum(Encoding, Encoding)
  /// A·C·B with A (outputCount, outputCount) and B (inputCount, inputCount) block-diagonal with square blocks.
  case wrapped(BlockDiagonal, core: Encoding)
}

/// The places kept in every group of consecutive elements of a row.
public struct SparsePattern: Sendable, Hashable {
  public static let largestGroup = 16

  /// 1 ..< group.
  public let kept: Int
  /// 2…16; divides the row.
  public let group: Int

  public init(kept: Int, group: Int) {
    precondition((2...Self.largestGroup).contains(group) && (1..<group).contains(kept))
    self.kept = kept
    self.group = group
  }

  /// Elements kept of a row of `inputCount`.
  public func keptCount(of inputCount: Int) -> Int { inputCount / group * kept }
}

/// The two block-diagonal matrices around a core: square blocks of `blockElementCount`, stored as `type`.
public struct BlockDiagonal: Sendable, Hashable {
  public static let largestBlock = 256

  /// Rows and columns of a block; divides rows and columns of the matrix.
  public let blockElementCount: Int
  public let type: ElementType

  public init(blockElementCount: Int, type: ElementType = .f16) {
    precondition((2...Self.largestBlock).contains(blockElementCount))
    self.blockElementCount = blockElementCount
    self.type = type
  }
}
