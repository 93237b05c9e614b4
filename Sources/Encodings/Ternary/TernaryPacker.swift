import TensorCore

/// A ternary value and the encoding that its symbols led to.
public struct TernaryValue: Sendable, Equatable {
  public let encoding: TernaryEncoding
  public let bytes: [UInt8]
}

/// Writes ternary values (docs/format.md §4.4).
public enum TernaryPacker {
  /// The value of a matrix, with the code of the widths allowed that is shortest for its share of zeros.
  /// - Parameters:
  ///   - symbols: (outputCount, inputCount), row-major: −1, 0 or 1.
  ///   - levels: as many as `kind` has for the rows, rounded to float16.
  ///   - kind: what the levels are; see ``TernaryEncoding/Levels``.
  ///   - codeBits: the widths of code words to choose from. Wide words are a little shorter together, and their tables
  ///     are read from a slower cache.
  public static func pack(
    symbols: Span<Int8>, shape: MatrixShape, levels: Span<Float>, kind: TernaryEncoding.Levels,
    codeBits: ClosedRange<Int> = TernaryEncoding.codeBitCounts
  ) -> TernaryValue {
    let zeroCount = symbols.indices.reduce(0) { $0 + (symbols[$1] == 0 ? 1 : 0) }
    let code = bestCode(zeroShare: Double(zeroCount) / Double(symbols.count), codeBits: codeBits)
    return pack(symbols: symbols, shape: shape, levels: levels, kind: kind, code: code)
  }

  /// The same with a given code.
  public static func pack(
    symbols: Span<Int8>, shape: MatrixShape, levels: Span<Float>, kind: TernaryEncoding.Levels, code: TernaryCode
  ) -> TernaryValue {
    precondition(symbols.count == shape.elementCount && levels.count == kind.count(rowCount: shape.outputCount))
    let width = shape.inputCount
    var begins: [UInt8] = [], streams: [UInt8] = []
    for first in stride(from: 0, to: shape.outputCount, by: TernaryLayout.bundleRowCount) {
      let end = min(first + TernaryLayout.bundleRowCount, shape.outputCount)
      for byte in 0..<4 { begins.append(UInt8(truncatingIfNeeded: streams.count >> (8 * byte))) }
      append(symbols.extracting(first * width..<end * width), code: code, to: &streams)
    }
    let encoding = TernaryEncoding(
      zeros: code.zeros, codeBits: code.bits, streamByteCount: streams.count, levels: kind)
    return TernaryValue(encoding: encoding, bytes: begins + DenseCodec.encode(levels, as: .f16) + streams)
  }

  /// The shortest code for independent symbols; of equals the narrowest.
  /// - Parameter zeroShare: how many of the symbols are zero, 0…1.
  public static func bestCode(
    zeroShare: Double, codeBits: ClosedRange<Int> = TernaryEncoding.codeBitCounts
  ) -> TernaryCode {
    let classes = TernaryEncoding.zeroClasses
    let zeros = min(max(Int((zeroShare * 256).rounded()), classes.lowerBound), classes.upperBound)
    let codes = codeBits.map { TernaryCode.of(zeros: zeros, bits: $0) }
    let lengths = codes.map { $0.bitsPerSymbol(zeroShare: zeroShare) }
    let best = lengths.indices.reduce(0) { lengths[$1] < lengths[$0] ? $1 : $0 }
    return codes[best]
  }

  /// Appends the stream of one bundle: code words from its begin on, signs from its end back.
  private static func append(_ symbols: Span<Int8>, code: TernaryCode, to bytes: inout [UInt8]) {
    var words = BitWriter(), signs = BitWriter()
    var place = TernaryCode.root
    for index in symbols.indices {
      let symbol = symbols[index]
      precondition((-1...1).contains(symbol))
      place = code.step(from: place, isNonzero: symbol != 0)
      if symbol != 0 { signs.append(symbol < 0 ? 1 : 0, bitCount: 1) }
      if place < 0 {
        words.append(UInt64(~place), bitCount: code.bits)
        place = TernaryCode.root
      }
    }
    // Zeros past the end complete the last string.
    if place != TernaryCode.root {
      while place >= 0 { place = code.step(from: place, isNonzero: false) }
      words.append(UInt64(~place), bitCount: code.bits)
    }
    bytes += words.finish()
    bytes += signs.finish().reversed()
  }
}

/// Bits one after the other, from the lowest of each byte on.
private struct BitWriter {
  private var bytes: [UInt8] = []
  private var pending: UInt64 = 0
  private var pendingBitCount = 0

  /// Appends at most 32 bits, the lowest first.
  mutating func append(_ bits: UInt64, bitCount: Int) {
    pending |= bits &<< UInt64(pendingBitCount)
    pendingBitCount &+= bitCount
    while pendingBitCount >= 8 {
      bytes.append(UInt8(truncatingIfNeeded: pending))
      pending &>>= 8
      pendingBitCount &-= 8
    }
  }

  consuming func finish() -> [UInt8] {
    if pendingBitCount > 0 { bytes.append(UInt8(truncatingIfNeeded: pending)) }
    return bytes
  }
}
