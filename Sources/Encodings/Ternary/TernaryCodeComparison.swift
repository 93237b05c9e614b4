import Glibc
import TensorCore

/// What codes need for the symbols of one matrix, in bits per weight and without levels.
public struct TernaryCodeComparison: Sendable, Equatable {
  /// One width of code words.
  public struct Packed: Sendable, Equatable {
    public let codeBits: Int
    /// Of a ternary value, all but its levels.
    public let bitsPerWeight: Double
  }

  /// Zeros among the symbols, 0…1.
  public let zeroShare: Double
  /// The empirical entropy of the symbols, each by itself.
  public let entropy: Double
  /// Widths ascending.
  public let packed: [Packed]
  /// Of the code words of QMoE's dictionary.
  public let qmoeWords: Double
  /// The same with the begins of its rows, 32 bits each.
  public let qmoe: Double

  /// Measures a matrix.
  /// - Parameters:
  ///   - symbols: of `shape`, row-major: −1, 0 or 1.
  ///   - codeBits: the widths to measure.
  public init(
    of symbols: Span<Int8>, shape: MatrixShape, codeBits: ClosedRange<Int> = TernaryEncoding.codeBitCounts
  ) {
    var counts = [0, 0, 0]
    for index in symbols.indices { counts[Int(symbols[index]) + 1] += 1 }
    let count = Double(symbols.count)
    zeroShare = Double(counts[1]) / count
    entropy = counts.filter { $0 > 0 }.reduce(0) { $0 - Double($1) / count * log2(Double($1) / count) }
    packed = codeBits.map { bits in
      let value = TernaryPacker.pack(
        symbols: symbols, shape: shape, levels: [0].span, kind: .matrix, codeBits: bits...bits)
      let byteCount = value.bytes.count - value.encoding.layout(of: shape).levelsByteCount
      return Packed(codeBits: bits, bitsPerWeight: 8 * Double(byteCount) / count)
    }
    let wordBits = QMoEDictionary.wordBits * QMoEDictionary.shared.wordCount(of: symbols, shape: shape)
    qmoeWords = Double(wordBits) / count
    qmoe = Double(wordBits + 32 * (shape.outputCount + 1)) / count
  }

  /// Measures independent random symbols, the same on every machine.
  /// - Parameter zeroShare: the probability of a zero, 0…1; −1 and 1 share the rest.
  public init(
    zeroShare: Double, shape: MatrixShape, seed: UInt64 = 1,
    codeBits: ClosedRange<Int> = TernaryEncoding.codeBitCounts
  ) {
    let symbols = Self.randomSymbols(zeroShare: zeroShare, count: shape.elementCount, seed: seed)
    self.init(of: symbols.span, shape: shape, codeBits: codeBits)
  }

  /// Independent symbols, −1 and 1 equally likely.
  public static func randomSymbols(zeroShare: Double, count: Int, seed: UInt64) -> [Int8] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in
      let word = random.next()
      return Double(word >> 11) * 0x1p-53 < zeroShare ? 0 : word & 1 == 0 ? -1 : 1
    }
  }
}
