import DecodeKernels
import Encodings
import Parallelism
import TensorCore
import Testing

/// A ternary value of seeded symbols, and what the oracle makes of it.
private struct TernarySample: EncodedSample {
  let encoding: Encoding
  let shape: MatrixShape
  let bytes: [UInt8]
  let decoded: [Float]

  init(
    zeroShare: Double, codeBits: Int, levels: TernaryEncoding.Levels = .row, rowCount: Int, columnCount: Int
  ) {
    let shape = MatrixShape(outputCount: rowCount, inputCount: columnCount)
    let seed = UInt64(codeBits * 7_919 + rowCount * 31 + columnCount)
    let symbols = TernaryCodeComparison.randomSymbols(zeroShare: zeroShare, count: shape.elementCount, seed: seed)
    var random = SplitMix64(seed: seed + 1)
    let values = (0..<levels.count(rowCount: rowCount)).map { _ in (random.nextUnitFloat() - 0.3) * 0.1 }
    let value = TernaryPacker.pack(
      symbols: symbols.span, shape: shape, levels: values.span, kind: levels, codeBits: codeBits...codeBits)
    self.init(.ternary(value.encoding), shape, value.bytes)
  }

  init(_ encoding: Encoding, _ shape: MatrixShape, _ bytes: [UInt8]) {
    self.encoding = encoding
    self.shape = shape
    self.bytes = bytes
    decoded = OracleDecoder.decode(bytes.span, encoding: encoding, shape: shape)
  }

  /// The largest error of a product, in parts of the sum of the magnitudes of what it sums.
  func worstError(_ y: [Float], _ x: [Float], tokenCount: Int) -> Double {
    let (rowCount, width) = (shape.outputCount, shape.inputCount)
    var worst = 0.0
    for token in 0..<tokenCount {
      for row in 0..<rowCount {
        var sum = 0.0, magnitude = 1e-30
        for column in 0..<width {
          let product = Double(x[token * width + column]) * Double(decoded[row * width + column])
          sum += product
          magnitude += abs(product)
        }
        let error = abs(Double(y[token * rowCount + row]) - sum) / magnitude
        worst = error <= worst ? worst : error  // keeps NaN
      }
    }
    return worst
  }
}

@Suite struct TernaryMatrixTests {
  static let zeroShares = [0, 0.3, 0.6, 0.9, 0.99, 1]
  /// One row, one column, widths around 16 and 64, a bundle and its neighbours, and rows of more than one piece.
  static let shapes = [
    (1, 1), (1, 300), (70, 1), (31, 15), (32, 64), (33, 65), (64, 63), (40, 130), (3, 4_097), (2, 9_000),
  ]

  /// A weight is a level or zero: no instruction set rounds.
  @Test(arguments: InstructionSet.supported, TernaryEncoding.codeBitCounts)
  func decodedRowsAreTheOraclesRows(isa: InstructionSet, codeBits: Int) throws {
    for (index, zeroShare) in Self.zeroShares.enumerated() {
      for (rowCount, columnCount) in Self.shapes {
        let sample = TernarySample(
          zeroShare: zeroShare, codeBits: codeBits, levels: TernaryEncoding.Levels.allCases[index % 3],
          rowCount: rowCount, columnCount: columnCount)
        #expect(try sample.matrix(isa).decoded() == sample.decoded, "\(zeroShare), \(rowCount)×\(columnCount)")
      }
    }
  }

  /// Rounding errors stay far below 1e-6 of the sum of the products' magnitudes; a misplaced weight does not.
  @Test(arguments: InstructionSet.supported, TernaryEncoding.codeBitCounts)
  func productsAgreeWithTheOracle(isa: InstructionSet, codeBits: Int) throws {
    for (index, zeroShare) in Self.zeroShares.enumerated() {
      for (rowCount, columnCount) in Self.shapes {
        let sample = TernarySample(
          zeroShare: zeroShare, codeBits: codeBits, levels: TernaryEncoding.Levels.allCases[(index + codeBits) % 3],
          rowCount: rowCount, columnCount: columnCount)
        let matrix = try sample.matrix(isa)
        for tokenCount in codeBits % 4 == 0 && columnCount < 1_000 ? [1, 2, 5, 50] : [1, 3] {
          let x = sample.inputs(tokenCount: tokenCount)
          let worst = sample.worstError(matrix.product(of: x, tokenCount: tokenCount), x, tokenCount: tokenCount)
          #expect(worst <= 1e-6, "\(zeroShare), \(rowCount)×\(columnCount), \(tokenCount) tokens: \(worst)")
        }
      }
    }
  }

  /// Bundles are the pieces of work, whoever computes them.
  @Test(arguments: InstructionSet.supported)
  func resultsDoNotDependOnThreads(isa: InstructionSet) throws {
    let sample = TernarySample(zeroShare: 0.8, codeBits: 12, rowCount: 1_000, columnCount: 200)
    for tokenCount in [1, 4, 60] {
      let x = sample.inputs(tokenCount: tokenCount)
      let alone = try sample.matrix(isa).product(of: x, tokenCount: tokenCount)
      #expect(try sample.matrix(isa, threadCount: 3).product(of: x, tokenCount: tokenCount) == alone)
    }
  }

  /// Any bytes are a value, the same one for kernels and oracle: begins that descend or point outside, streams that
  /// end too early, random words.
  @Test(arguments: InstructionSet.supported)
  func hostileBytesAreValues(isa: InstructionSet) throws {
    var random = SplitMix64(seed: 5)
    for streamByteCount in [48, 60, 61, 100, 177, 400] {
      for columnCount in [3, 70] {
        let codeBits = 8 + Int(random.next() % 9)
        let ternary = TernaryEncoding(
          zeros: 1 + Int(random.next() % 255), codeBits: codeBits, streamByteCount: streamByteCount, levels: .row)
        let shape = MatrixShape(
          outputCount: 100, inputCount: streamByteCount < 300 ? min(columnCount, 12) : columnCount)
        let encoding = Encoding.ternary(ternary)
        guard encoding.accepts(shape) else { continue }
        for round in 0..<20 {
          let layout = ternary.layout(of: shape)
          var bytes = (0..<layout.byteCount).map { _ in UInt8(truncatingIfNeeded: random.next()) }
          if round % 2 == 0 {
            for bundle in 0..<layout.bundleCount {
              bytes[4 * bundle] = UInt8(random.next() % UInt64(min(256, streamByteCount + 9)))
              for byte in 1..<4 { bytes[4 * bundle + byte] = 0 }
            }
          }
          let levels = (0..<100).map { Float($0 + 1) / 64 }
          bytes.replaceSubrange(
            layout.levelsOffset..<layout.streamsOffset, with: DenseCodec.encode(levels.span, as: .f16))
          let sample = TernarySample(encoding, shape, bytes)
          let matrix = try sample.matrix(isa)
          #expect(matrix.decoded() == sample.decoded)
          for tokenCount in [1, 2] {
            let x = sample.inputs(tokenCount: tokenCount)
            #expect(sample.worstError(matrix.product(of: x, tokenCount: tokenCount), x, tokenCount: tokenCount) <= 1e-6)
          }
        }
      }
    }
  }

  /// As a part of expressions, one by one and nested.
  @Test(arguments: InstructionSet.supported)
  func ternaryPartsOfExpressions(isa: InstructionSet) throws {
    let core = TernarySample(zeroShare: 0.7, codeBits: 10, rowCount: 48, columnCount: 64)
    let f16 = Encoding.dense(.f16)
    var random = SplitMix64(seed: 9)
    func dense(_ count: Int) -> [UInt8] {
      DenseCodec.encode((0..<count).map { _ in random.nextUnitFloat() - 0.5 }.span, as: .f16)
    }
    let shape = core.shape
    let cases: [(Encoding, [[UInt8]])] = [
      (
        .sum(core.encoding, .lowRank(rank: 2, u: f16, v: f16)),
        [
          core.bytes,
          CompositeValue.bytes(
            of: .lowRank(rank: 2, u: f16, v: f16), shape: shape, parts: [dense(2 * 48), dense(2 * 64)]),
        ]
      ),
      (
        .wrapped(BlockDiagonal(blockElementCount: 16), core: core.encoding),
        [dense(48 * 16), core.bytes, dense(64 * 16)]
      ),
    ]
    for (encoding, parts) in cases {
      let sample = TernarySample(encoding, shape, CompositeValue.bytes(of: encoding, shape: shape, parts: parts))
      let x = sample.inputs(tokenCount: 3)
      let y = try sample.matrix(isa).product(of: x, tokenCount: 3)
      for (index, value) in y.enumerated() {
        let exact = (0..<64).reduce(0.0) {
          $0 + Double(x[index / 48 * 64 + $1]) * Double(sample.decoded[index % 48 * 64 + $1])
        }
        #expect(abs(Double(value) - exact) < 1e-4, "\(encoding.text)")
      }
    }
  }
}
