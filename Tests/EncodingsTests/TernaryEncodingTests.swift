import Encodings
import TensorCore
import Testing

@Suite struct TernaryEncodingTests {
  @Test func theTextHasOneSpelling() throws {
    let encoding = Encoding.ternary(
      TernaryEncoding(zeros: 221, codeBits: 12, streamByteCount: 67_540, levels: .row))
    #expect(encoding.text == "ternary(zeros=221 code=12 bytes=67540 levels=row)")
    for levels in TernaryEncoding.Levels.allCases {
      for (zeros, codeBits, byteCount) in [(1, 8, 0), (255, 16, TernaryEncoding.largestStreamByteCount), (128, 9, 1)] {
        let encoding = Encoding.ternary(
          TernaryEncoding(zeros: zeros, codeBits: codeBits, streamByteCount: byteCount, levels: levels))
        #expect(try Encoding(parsing: encoding.text) == encoding)
      }
    }
    let wrong = [
      "ternary(zeros=0 code=12 bytes=9 levels=row)", "ternary(zeros=256 code=12 bytes=9 levels=row)",
      "ternary(zeros=9 code=7 bytes=9 levels=row)", "ternary(zeros=9 code=17 bytes=9 levels=row)",
      "ternary(zeros=9 code=12 bytes=-1 levels=row)", "ternary(zeros=9 code=12 bytes=4294967296 levels=row)",
      "ternary(zeros=9 code=12 bytes=09 levels=row)", "ternary(zeros=9 code=12 bytes=9 levels=rows)",
      "ternary(zeros=9 code=12 bytes=9)", "ternary(code=12 zeros=9 bytes=9 levels=row)", "ternary()",
    ]
    for text in wrong {
      #expect(throws: EncodingError.malformed(text)) { try Encoding(parsing: text) }
    }
  }

  /// Begins, levels and streams end to end.
  @Test(arguments: [
    (TernaryEncoding.Levels.matrix, 1, 4 + 2 + 50), (.matrix, 33, 8 + 2 + 50), (.row, 32, 4 + 64 + 50),
    (.row, 65, 12 + 130 + 50), (.pair, 64, 8 + 256 + 50),
  ])
  func sizes(levels: TernaryEncoding.Levels, rowCount: Int, expected: Int) {
    let encoding = TernaryEncoding(zeros: 200, codeBits: 8, streamByteCount: 50, levels: levels)
    #expect(Encoding.ternary(encoding).byteCount(of: MatrixShape(outputCount: rowCount, inputCount: 3)) == expected)
  }

  /// No code word stands for more than 56 weights, so that a few bytes claim no large matrix.
  @Test func aStreamTooShortForItsMatrixIsRefused() {
    for (codeBits, byteCount, largest) in [(8, 3, 3 * 56), (12, 3, 2 * 56), (16, 1, 0), (16, 2, 56)] {
      let encoding = Encoding.ternary(
        TernaryEncoding(zeros: 200, codeBits: codeBits, streamByteCount: byteCount, levels: .row))
      #expect(!encoding.accepts(MatrixShape(outputCount: 1, inputCount: largest + 1)))
      if largest > 0 { #expect(encoding.accepts(MatrixShape(outputCount: 1, inputCount: largest))) }
    }
  }

  /// The example of docs/format.md §4.4. With half zeros and eight bits, a code word is its string.
  @Test func theExampleOfTheFormat() throws {
    let symbols: [Int8] = [0, 1, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    let shape = MatrixShape(outputCount: 2, inputCount: 8)
    let value = TernaryPacker.pack(
      symbols: symbols.span, shape: shape, levels: [0.5, 0.25].span, kind: .row,
      code: TernaryCode.of(zeros: 128, bits: 8))
    #expect(value.bytes == [0, 0, 0, 0, 0x00, 0x38, 0x00, 0x34, 0x48, 0x01, 0x02])
    let encoding = try Encoding(parsing: "ternary(zeros=128 code=8 bytes=3 levels=row)")
    #expect(Encoding.ternary(value.encoding) == encoding)
    #expect(
      OracleDecoder.decode(value.bytes.span, encoding: encoding, shape: shape)
        == [0, 0.5, 0, 0, -0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.25])
  }

  /// What levels mean, each kind once.
  @Test func levels() {
    let symbols: [Int8] = [1, -1, 0, -1, 1, 0], shape = MatrixShape(outputCount: 2, inputCount: 3)
    let cases: [(TernaryEncoding.Levels, [Float], [Float])] = [
      (.matrix, [2], [2, -2, 0, -2, 2, 0]), (.row, [2, 4], [2, -2, 0, -4, 4, 0]),
      (.pair, [-2, 3, -0.5, 5], [3, -2, 0, -0.5, 5, 0]),
    ]
    for (kind, levels, expected) in cases {
      let value = TernaryPacker.pack(symbols: symbols.span, shape: shape, levels: levels.span, kind: kind)
      #expect(
        OracleDecoder.decode(value.bytes.span, encoding: .ternary(value.encoding), shape: shape) == expected)
    }
  }

  @Test(arguments: TernaryEncoding.codeBitCounts, [0, 0.3, 0.6, 0.9, 0.99, 1])
  func roundTrip(codeBits: Int, zeroShare: Double) {
    for (rowCount, columnCount) in [(1, 1), (1, 57), (31, 9), (32, 64), (33, 100), (70, 3), (2, 1_000)] {
      let shape = MatrixShape(outputCount: rowCount, inputCount: columnCount)
      let symbols = TernaryCodeComparison.randomSymbols(
        zeroShare: zeroShare, count: shape.elementCount, seed: UInt64(codeBits))
      let value = TernaryPacker.pack(
        symbols: symbols.span, shape: shape, levels: [1].span, kind: .matrix, codeBits: codeBits...codeBits)
      #expect(value.encoding.codeBits == codeBits && Encoding.ternary(value.encoding).accepts(shape))
      #expect(TernaryDecoder.symbols(value.bytes.span, layout: value.encoding.layout(of: shape)) == symbols)
    }
  }
}

@Suite struct TernaryCodeTests {
  static let classes = [1, 37, 128, 154, 205, 227, 230, 243, 253, 255]

  /// A binary tree's leaves fill the whole exactly, and no string begins with another.
  @Test(arguments: classes, TernaryEncoding.codeBitCounts)
  func codesAreComplete(zeros: Int, bits: Int) {
    let code = TernaryCode.of(zeros: zeros, bits: bits)
    #expect(code.strings.count == 1 << bits)
    let lengths = code.lengths.map(Int.init)
    #expect(lengths.allSatisfy { (1...TernaryCode.longestString).contains($0) })
    let whole: UInt64 = lengths.reduce(0) { sum, length in sum + (1 << UInt64(56 - length)) }
    #expect(whole == 1 << 56)
    // In ascending order, each string begins where the one before it ends: as fractions in binary, first symbol first.
    var end: UInt64 = 0
    for word in 0..<1 << bits {
      let string = code.strings[word]
      var begin: UInt64 = 0
      for place in UInt64(0)..<56 where string >> place & 1 == 1 { begin |= 1 << (55 - place) }
      #expect(begin == end)
      end += 1 << UInt64(56 - lengths[word])
    }
  }

  /// The rule of docs/format.md §4.4 taken literally.
  @Test(arguments: classes)
  func theMostProbableStringIsExtended(zeros: Int) {
    var strings: [(probability: UInt64, symbols: [Int], age: Int)] = [(1 << 56, [], 0)]
    while strings.count < 256 {
      let chosen = strings.indices.filter { strings[$0].symbols.count < 56 }.min {
        let (a, b) = (strings[$0], strings[$1])
        return (b.probability, a.symbols.last ?? 0, a.age) < (a.probability, b.symbols.last ?? 0, b.age)
      }!
      let (probability, symbols, _) = strings.remove(at: chosen)
      let one = probability * UInt64(256 - zeros) / 256, age = strings.count
      strings.append((probability - one, symbols + [0], age))
      strings.append((one, symbols + [1], age))
    }
    strings.sort { $0.symbols.lexicographicallyPrecedes($1.symbols) }
    let code = TernaryCode.of(zeros: zeros, bits: 8)
    for (word, string) in strings.enumerated() {
      let found = (0..<Int(code.lengths[word])).map { Int(code.strings[word] >> UInt64($0) & 1) }
      #expect(found == string.symbols)
    }
  }

  /// The longest run of zeros is word 0, so that bytes that are missing stand for zeros.
  @Test func wordZeroIsZeros() {
    for zeros in Self.classes {
      for bits in TernaryEncoding.codeBitCounts {
        #expect(TernaryCode.of(zeros: zeros, bits: bits).strings[0] == 0)
      }
    }
    #expect(TernaryCode.of(zeros: 255, bits: 8).lengths[0] == TernaryCode.longestString)
  }

  /// Every machine makes the same tables: sums over all entries.
  @Test(arguments: [
    (128, 8, 2_427_380_387_045_557_632), (227, 12, 18_405_159_860_191_137_702),
    (230, 16, 10_942_284_061_153_323_592),
  ] as [(Int, Int, UInt64)])
  func tablesStayWhatTheyAre(zeros: Int, bits: Int, expected: UInt64) {
    let code = TernaryCode.of(zeros: zeros, bits: bits)
    let sum = zip(code.strings, code.lengths).reduce(UInt64(0)) { ($0 &* 31) ^ ($1.0 | UInt64($1.1) << 56) }
    #expect(sum == expected, "\(zeros), \(bits): \(sum)")
  }

  /// Everything counted, against the empirical entropy: within 5 % up to 90 % zeros.
  @Test(arguments: [(0.6, 1.05), (0.7, 1.05), (0.8, 1.05), (0.85, 1.05), (0.885, 1.05), (0.9, 1.05), (0.95, 1.12)])
  func sizesComeCloseToTheEntropy(zeroShare: Double, bound: Double) {
    for (rowCount, columnCount) in [(256, 256), (1_024, 256), (256, 4_096)] {
      let comparison = TernaryCodeComparison(
        zeroShare: zeroShare, shape: MatrixShape(outputCount: rowCount, inputCount: columnCount))
      let (packed, entropy) = (comparison.packed, comparison.entropy)
      #expect(packed <= bound * entropy, "\(rowCount)×\(columnCount): \(packed) of \(entropy)")
      #expect(packed >= entropy)
    }
  }

  /// The best code is the one that comes out shortest, or nearly.
  @Test(arguments: [0.6, 0.8, 0.9, 0.95, 0.99])
  func theChosenCodeIsAmongTheShortest(zeroShare: Double) {
    let shape = MatrixShape(outputCount: 64, inputCount: 1_024)
    let symbols = TernaryCodeComparison.randomSymbols(zeroShare: zeroShare, count: shape.elementCount, seed: 3)
    let value = TernaryPacker.pack(symbols: symbols.span, shape: shape, levels: [1].span, kind: .matrix)
    let others = TernaryEncoding.codeBitCounts.map {
      TernaryPacker.pack(symbols: symbols.span, shape: shape, levels: [1].span, kind: .matrix, codeBits: $0...$0)
        .bytes.count
    }
    #expect(Double(value.bytes.count) <= 1.01 * Double(others.min()!))
  }

  /// Independent symbols in rows of 4,096 under QMoE's dictionary, against a program by other hands.
  @Test(arguments: [(0.6, 2.2985), (0.8, 1.1214), (0.885, 0.7353), (0.9, 0.6880), (0.95, 0.5920)])
  func qmoe(zeroShare: Double, expected: Double) {
    let comparison = TernaryCodeComparison(
      zeroShare: zeroShare, shape: MatrixShape(outputCount: 128, inputCount: 4_096))
    #expect(abs(comparison.qmoe / expected - 1) < 0.01, "\(comparison.qmoe)")
    if zeroShare >= 0.85 { #expect(comparison.qmoe > 1.08 * comparison.packed) }
  }

  /// Sums over several matrices: every figure is that of all their weights.
  @Test func comparisonsAddUp() {
    // Four symbols, half of them zero, one of each sign: 1.5 bits each. A row is a word of the dictionary.
    let mixed: [Int8] = [0, 1, -1, 0], zeros = [Int8](repeating: 0, count: 28)
    var sum = TernaryCodeComparison(
      of: mixed.span, shape: MatrixShape(outputCount: 2, inputCount: 2), packedByteCount: 12)
    #expect(sum.entropyBitCount == 6 && sum.qmoeWordCount == 2 && sum.packed == 24)
    sum += TernaryCodeComparison(
      of: zeros.span, shape: MatrixShape(outputCount: 1, inputCount: 28), packedByteCount: 4)
    #expect(sum.weightCount == 32 && sum.zeroShare == 30.0 / 32 && sum.entropy == 6.0 / 32 && sum.packed == 4)
    #expect(sum.qmoe == 3 * 16.0 / 32)
  }
}
