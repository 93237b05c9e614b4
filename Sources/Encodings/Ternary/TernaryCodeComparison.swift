import Glibc
import TensorCore

/// What codes need for the symbols of ternary matrices.
///
/// Comparisons of several matrices add up.
public struct TernaryCodeComparison: Sendable, Equatable {
  public private(set) var weightCount: Int
  public private(set) var zeroCount: Int
  /// Bits of an ideal code for the symbols, each by itself, that knows how often they occur in their matrix: the
  /// empirical entropy of order zero.
  public private(set) var entropyBitCount: Double
  /// Bytes of the values as they are stored: begins, levels, code words and signs.
  public private(set) var packedByteCount: Int
  /// Words of QMoE's dictionary, without the begins of its rows.
  public private(set) var qmoeWordCount: Int

  /// Measures the symbols of one matrix.
  /// - Parameters:
  ///   - symbols: of `shape`, row-major: −1, 0 or 1.
  ///   - packedByteCount: bytes of the value that holds them.
  public init(of symbols: Span<Int8>, shape: MatrixShape, packedByteCount: Int) {
    var counts = [0, 0, 0]
    for index in symbols.indices { counts[Int(symbols[index]) + 1] += 1 }
    weightCount = symbols.count
    zeroCount = counts[1]
    entropyBitCount = counts.filter { $0 > 0 }.reduce(0) {
      $0 - Double($1) * log2(Double($1) / Double(symbols.count))
    }
    self.packedByteCount = packedByteCount
    qmoeWordCount = QMoEDictionary.shared.wordCount(of: symbols, shape: shape)
  }

  /// Measures independent random symbols in a value with one level, the same on every machine.
  /// - Parameter zeroShare: the probability of a zero, 0…1; −1 and 1 share the rest.
  public init(zeroShare: Double, shape: MatrixShape, seed: UInt64 = 1) {
    let symbols = Self.randomSymbols(zeroShare: zeroShare, count: shape.elementCount, seed: seed)
    let value = TernaryPacker.pack(symbols: symbols.span, shape: shape, levels: [1].span, kind: .matrix)
    self.init(of: symbols.span, shape: shape, packedByteCount: value.bytes.count)
  }

  public static func += (sum: inout TernaryCodeComparison, other: TernaryCodeComparison) {
    sum.weightCount += other.weightCount
    sum.zeroCount += other.zeroCount
    sum.entropyBitCount += other.entropyBitCount
    sum.packedByteCount += other.packedByteCount
    sum.qmoeWordCount += other.qmoeWordCount
  }

  /// Zeros among the symbols, 0…1.
  public var zeroShare: Double { Double(zeroCount) / Double(weightCount) }
  /// Of the symbols, in bits per weight.
  public var entropy: Double { entropyBitCount / Double(weightCount) }
  /// Of the values as they are stored, in bits per weight.
  public var packed: Double { 8 * Double(packedByteCount) / Double(weightCount) }
  /// Of the words of QMoE's dictionary, in bits per weight.
  public var qmoe: Double { Double(QMoEDictionary.wordBits * qmoeWordCount) / Double(weightCount) }

  /// Independent symbols, −1 and 1 equally likely.
  public static func randomSymbols(zeroShare: Double, count: Int, seed: UInt64) -> [Int8] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in
      let word = random.next()
      return Double(word >> 11) * 0x1p-53 < zeroShare ? 0 : word & 1 == 0 ? -1 : 1
    }
  }
}
