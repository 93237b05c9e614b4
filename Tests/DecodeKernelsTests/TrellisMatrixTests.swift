import DecodeKernels
import Encodings
import Parallelism
import TensorCore
import Testing

/// A trellis value of seeded bytes, and what the oracle makes of it.
private struct TrellisSample: EncodedSample {
  let encoding: Encoding
  let shape: MatrixShape
  let bytes: [UInt8]
  let decoded: [Float]

  init(bits: Int, rowCount: Int, columnCount: Int) {
    var random = SplitMix64(seed: UInt64(bits * 7_919 + rowCount * 31 + columnCount))
    let trellis = TrellisEncoding(bits: bits)
    shape = MatrixShape(outputCount: rowCount, inputCount: columnCount)
    let layout = trellis.layout(of: shape)
    var bytes = (0..<layout.scalesOffset).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    bytes += DenseCodec.encode((0..<rowCount).map { _ in (random.nextUnitFloat() - 0.3) * 0.1 }.span, as: .f16)
    self.bytes = bytes
    encoding = .trellis(trellis)
    decoded = OracleDecoder.decode(bytes.span, encoding: encoding, shape: shape)
  }
}

@Suite struct TrellisMatrixTests {
  /// Rows that fill no chunk, one chunk, one tile, and several with a broken last one.
  static let rowCounts = [1, 7, 16, 17, 33, 100, 112, 127, 128, 129, 144, 300]

  /// A value is a scale of 11 bits times a whole number of 10: no instruction set rounds.
  @Test(arguments: InstructionSet.supported, TrellisEncoding.bitCounts)
  func decodedRowsAreTheOraclesRows(isa: InstructionSet, bits: Int) throws {
    for rowCount in Self.rowCounts {
      let sample = TrellisSample(bits: bits, rowCount: rowCount, columnCount: 9)
      #expect(try sample.matrix(isa).decoded() == sample.decoded, "\(rowCount) rows")
    }
  }

  /// A product with a row of the unit matrix is a column of weights, to the bit; and as one token of several as well.
  @Test(arguments: InstructionSet.supported, TrellisEncoding.bitCounts)
  func columnsAreTheOraclesColumns(isa: InstructionSet, bits: Int) throws {
    let width = 6
    for rowCount in Self.rowCounts {
      let sample = TrellisSample(bits: bits, rowCount: rowCount, columnCount: width)
      let unit = (0..<width * width).map { Float($0 / width == $0 % width ? 1 : 0) }
      let matrix = try sample.matrix(isa)
      let together = matrix.product(of: unit, tokenCount: width)
      for column in 0..<width {
        let expected = (0..<rowCount).map { sample.decoded[$0 * width + column] }
        #expect(matrix.product(of: Array(unit[column * width..<(column + 1) * width]), tokenCount: 1) == expected)
        #expect(Array(together[column * rowCount..<(column + 1) * rowCount]) == expected)
      }
    }
  }

  /// Rounding errors stay far below 1e-6 of the sum of the products' magnitudes; a misplaced weight does not.
  @Test(arguments: InstructionSet.supported, [1, 2, 5, 6, 7, 13, 130])
  func productsAgreeWithTheOracle(isa: InstructionSet, tokenCount: Int) throws {
    for (bits, rowCount, width) in [(1, 17, 64), (2, 128, 65), (3, 145, 63), (4, 100, 300), (2, 140, 1)] {
      let sample = TrellisSample(bits: bits, rowCount: rowCount, columnCount: width)
      let x = sample.inputs(tokenCount: tokenCount)
      let y = try sample.matrix(isa).product(of: x, tokenCount: tokenCount)
      var worst = 0.0
      for token in 0..<tokenCount {
        for row in 0..<rowCount {
          var sum = 0.0, magnitude = 1e-30
          for column in 0..<width {
            let product = Double(x[token * width + column]) * Double(sample.decoded[row * width + column])
            sum += product
            magnitude += abs(product)
          }
          worst = max(worst, abs(Double(y[token * rowCount + row]) - sum) / magnitude)
        }
      }
      #expect(worst <= 1e-6, "\(bits) bits, \(rowCount) rows, \(width) columns on \(isa): \(worst)")
    }
  }

  /// Neither threads nor other tokens change a result.
  @Test(arguments: InstructionSet.supported)
  func resultsDependOnTheOperandsAlone(isa: InstructionSet) throws {
    let sample = TrellisSample(bits: 2, rowCount: 1_000, columnCount: 200)
    let x = sample.inputs(tokenCount: 9)
    let together = try sample.matrix(isa).product(of: x, tokenCount: 9)
    #expect(try sample.matrix(isa, threadCount: 3).product(of: x, tokenCount: 9) == together)
    for token in 0..<9 {
      let own = Array(x[token * 200..<(token + 1) * 200])
      let alone = try sample.matrix(isa, threadCount: 2).product(of: own, tokenCount: 1)
      #expect(alone == Array(together[token * 1_000..<(token + 1) * 1_000]))
    }
  }
}
