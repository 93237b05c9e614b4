import TensorCore

/// Reads ternary values by plain loops, in the order of docs/format.md §4.4.
public enum TernaryDecoder {
  /// The symbols −1, 0 and 1 of a value, row-major. Every byte string of the right length has some.
  /// - Parameter bytes: `layout.byteCount` bytes.
  public static func symbols(_ bytes: Span<UInt8>, layout: TernaryLayout) -> [Int8] {
    precondition(bytes.count == layout.byteCount)
    let code = TernaryCode.of(zeros: layout.encoding.zeros, bits: layout.encoding.codeBits)
    var symbols: [Int8] = []
    symbols.reserveCapacity(layout.shape.elementCount)
    for bundle in 0..<layout.bundleCount {
      let stream = bytes.extracting(layout.stream(ofBundle: bundle, in: bytes))
      let end = symbols.count + layout.rows(ofBundle: bundle).count * layout.shape.inputCount
      var wordCount = 0, signCount = 0
      while symbols.count < end {
        let word = (0..<code.bits).reduce(0) { $0 | bit(wordCount * code.bits + $1, of: stream) << $1 }
        wordCount += 1
        let nonzeros = code.strings[word]
        for place in 0..<min(Int(code.lengths[word]), end - symbols.count) {
          if nonzeros >> UInt64(place) & 1 == 0 {
            symbols.append(0)
          } else {
            symbols.append(signBit(signCount, of: stream) == 1 ? -1 : 1)
            signCount += 1
          }
        }
      }
    }
    return symbols
  }

  /// The elements of a value, row-major.
  static func elements(_ bytes: Span<UInt8>, layout: TernaryLayout) -> [Float] {
    let width = layout.shape.inputCount
    let levels = DenseCodec.decode(
      bytes.extracting(layout.levelsOffset..<layout.levelsOffset + layout.levelsByteCount), as: .f16)
    return symbols(bytes, layout: layout).enumerated().map { index, symbol in
      let row = index / width
      switch (symbol, layout.encoding.levels) {
      case (0, _): return 0
      case (_, .matrix): return Float(symbol) * levels[0]
      case (_, .row): return Float(symbol) * levels[row]
      case (_, .pair): return levels[2 * row + (symbol < 0 ? 0 : 1)]
      }
    }
  }

  /// Past the end there are zeros.
  private static func bit(_ index: Int, of stream: Span<UInt8>) -> Int {
    index / 8 < stream.count ? Int(stream[index / 8] >> UInt8(index % 8) & 1) : 0
  }

  /// Signs begin in the last byte; before the first one there are zeros.
  private static func signBit(_ index: Int, of stream: Span<UInt8>) -> Int {
    index / 8 < stream.count ? Int(stream[stream.count - 1 - index / 8] >> UInt8(index % 8) & 1) : 0
  }
}
