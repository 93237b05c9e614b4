import TensorCore

/// Weights −1, 0 and +1 times levels, with the zeros entropy-coded.
///
/// QMoE (arXiv 2310.16795) showed that the experts of large mixtures survive three levels and that the zeros among them
/// bring a weight below one bit. Here which weights are zero is written by a complete variable-to-fixed code
/// (``TernaryCode``), and the sign of each other weight as one bit, which no code could make shorter.
public struct TernaryEncoding: Sendable, Hashable {
  /// How the weights −1 and +1 become numbers.
  public enum Levels: String, Sendable, Hashable, CaseIterable {
    /// One level s for all: −s and s.
    case matrix
    /// One level s per row.
    case row
    /// Two levels per row: the value of −1, then that of +1.
    case pair

    /// How many levels a matrix with so many rows has.
    public func count(rowCount: Int) -> Int {
      switch self {
      case .matrix: 1
      case .row: rowCount
      case .pair: 2 * rowCount
      }
    }
  }

  public static let zeroClasses = 1...255
  public static let codeBitCounts = 8...16
  /// Bytes that the streams of a value may have: begins are 32 bits.
  public static let largestStreamByteCount = Int(UInt32.max)

  /// The share of zeros that the code is made for, in 1/256; 1…255.
  public let zeros: Int
  /// Bits of a code word, 8…16.
  public let codeBits: Int
  /// Bytes of the streams of all bundles.
  public let streamByteCount: Int
  public let levels: Levels

  public init(zeros: Int, codeBits: Int, streamByteCount: Int, levels: Levels) {
    precondition(Self.zeroClasses.contains(zeros) && Self.codeBitCounts.contains(codeBits))
    precondition((0...Self.largestStreamByteCount).contains(streamByteCount))
    self.zeros = zeros
    self.codeBits = codeBits
    self.streamByteCount = streamByteCount
    self.levels = levels
  }

  public func layout(of shape: MatrixShape) -> TernaryLayout { TernaryLayout(encoding: self, shape: shape) }

  /// Whether a matrix of `shape` can be held: no code word stands for more than
  /// ``TernaryCode/longestString`` weights, so that a small file cannot claim a matrix of any size.
  public func accepts(_ shape: MatrixShape) -> Bool {
    let fewestWords = (shape.elementCount + TernaryCode.longestString - 1) / TernaryCode.longestString
    return fewestWords <= streamByteCount * 8 / codeBits
  }
}

/// Where the planes of a ternary value lie (docs/format.md §4.4).
///
/// Rows are cut into bundles of 32, of which only the last may be shorter. A value is the begins of the bundles, 32 bits
/// each, the levels, and the streams of the bundles one after the other, without padding.
public struct TernaryLayout: Sendable, Hashable {
  /// Rows of a bundle, but for the last one.
  public static let bundleRowCount = 32

  public let encoding: TernaryEncoding
  public let shape: MatrixShape

  public var bundleCount: Int { (shape.outputCount + Self.bundleRowCount - 1) / Self.bundleRowCount }
  public var levelsOffset: Int { 4 * bundleCount }
  public var levelsByteCount: Int {
    encoding.levels.count(rowCount: shape.outputCount) * ElementType.f16.byteCount
  }
  public var streamsOffset: Int { levelsOffset + levelsByteCount }
  public var byteCount: Int { streamsOffset + encoding.streamByteCount }

  /// The rows of a bundle.
  public func rows(ofBundle index: Int) -> Range<Int> {
    index * Self.bundleRowCount..<min((index + 1) * Self.bundleRowCount, shape.outputCount)
  }

  /// The bytes of a bundle's stream, within a value: from its begin to the next one's, or where the streams end. What
  /// does not ascend is empty, and nothing lies outside.
  public func stream(ofBundle index: Int, in bytes: Span<UInt8>) -> Range<Int> {
    let begin = min(self.begin(ofBundle: index, in: bytes), encoding.streamByteCount)
    let end =
      index + 1 < bundleCount
      ? min(self.begin(ofBundle: index + 1, in: bytes), encoding.streamByteCount) : encoding.streamByteCount
    return streamsOffset + begin..<streamsOffset + max(begin, end)
  }

  private func begin(ofBundle index: Int, in bytes: Span<UInt8>) -> Int {
    (0..<4).reduce(0) { $0 | Int(bytes[4 * index + $1]) << (8 * $1) }
  }
}
