import TensorCore

extension TernaryEncoding {
  /// Bits of a weight for which a bound makes sense: shorter streams hold nothing but zeros, and nothing is gained past
  /// some 1.4.
  public static let bitsPerWeight = 0.3...1.6

  /// The encoding to plan with for one level per matrix: what has at most so many bits per weight, everything counted,
  /// or as few as a value of `shape` can have. Nil where no value is that long.
  public static func bound(bitsPerWeight: Double, of shape: MatrixShape) -> TernaryEncoding? {
    bound(byteCount: Int(bitsPerWeight * Double(shape.elementCount) / 8), of: shape, levels: .matrix)
  }

  /// The encoding to plan with for two levels per row, whatever the weights are. Nil where no value is that long.
  public static func bound(ofPairsIn shape: MatrixShape) -> TernaryEncoding? {
    // Three values need log2(3) bits; a bundle ends in part of a code word and of a byte.
    let layout = layout(of: shape, levels: .pair)
    let byteCount = Int(1.75 * Double(shape.elementCount) / 8) + 4 * layout.bundleCount + layout.byteCount
    return bound(byteCount: byteCount, of: shape, levels: .pair)
  }

  private static func bound(byteCount: Int, of shape: MatrixShape, levels: Levels) -> TernaryEncoding? {
    let layout = layout(of: shape, levels: levels)
    let longest = TernaryCode.longestString
    let least = max(64 + 4 * layout.bundleCount, 2 * ((shape.elementCount + longest - 1) / longest))
    let streamByteCount = max(least, byteCount - layout.byteCount)
    guard streamByteCount < largestStreamByteCount else { return nil }
    return TernaryEncoding(zeros: 1, codeBits: 16, streamByteCount: streamByteCount, levels: levels)
  }

  /// That of a value without streams.
  private static func layout(of shape: MatrixShape, levels: Levels) -> TernaryLayout {
    TernaryEncoding(zeros: 1, codeBits: 16, streamByteCount: 0, levels: levels).layout(of: shape)
  }
}
