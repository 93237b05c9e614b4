import TensorCore

/// Codes of a trellis that runs down the rows of each column, and one scale per row.
///
/// Trellis-coded quantization (Marcellin and Fischer, IEEE Trans. Communications 38(1), 1990) in the form of QTIP
/// (arXiv 2406.11235, §3): the state of a row is a window of ``TrellisCodebook/stateBitCount`` bits over a stream to
/// which every row adds `bits` of its own, and its value is computed from the state. Neighbouring windows overlap, so a
/// row's value takes more from the stream than the row pays for, and yet any row decodes by itself. Streams close on
/// themselves ("tail-biting"), so that no start has to be stored.
public struct TrellisEncoding: Sendable, Hashable {
  public static let bitCounts = 1...4

  /// Bits a weight, 1…4.
  public let bits: Int

  public init(bits: Int) {
    precondition(Self.bitCounts.contains(bits))
    self.bits = bits
  }

  public func layout(of shape: MatrixShape) -> TrellisLayout { TrellisLayout(encoding: self, shape: shape) }

  /// Whether a matrix of `shape` can be held: every matrix can.
  public func accepts(_ shape: MatrixShape) -> Bool { true }
}

/// Where the planes of a trellis value lie (docs/format.md §4.3).
///
/// Rows are cut into tiles of 128, the last one filled up to a multiple of 16 with rows that stand for nothing. A tile
/// holds one stream per column, column after column. The scales, one per row as float16, begin at the next multiple of
/// 64 bytes.
public struct TrellisLayout: Sendable, Hashable {
  /// Rows of a tile, but for the last one.
  public static let tileRowCount = 128
  /// Rows of every tile are a multiple of this.
  public static let rowMultiple = 16

  public let encoding: TrellisEncoding
  public let shape: MatrixShape

  public var tileCount: Int { (shape.outputCount + Self.tileRowCount - 1) / Self.tileRowCount }
  /// Rows, with those that fill the last tile up.
  public var filledRowCount: Int { Self.filled(shape.outputCount) }
  public var codesByteCount: Int { filledRowCount / 8 * encoding.bits * shape.inputCount }
  public var scalesOffset: Int { GroupedLayout.aligned(codesByteCount) }
  public var byteCount: Int { scalesOffset + shape.outputCount * ElementType.f16.byteCount }

  /// The rows of a tile, with those that fill it up.
  public func rows(ofTile index: Int) -> Range<Int> {
    index * Self.tileRowCount..<min((index + 1) * Self.tileRowCount, filledRowCount)
  }

  /// Where a tile begins.
  public func offset(ofTile index: Int) -> Int {
    index * Self.tileRowCount / 8 * encoding.bits * shape.inputCount
  }

  /// `rowCount` filled up to whole multiples.
  public static func filled(_ rowCount: Int) -> Int { (rowCount + rowMultiple - 1) / rowMultiple * rowMultiple }
}
