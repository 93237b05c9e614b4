import Encodings
import TensorCore
import Testing

@Suite struct TrellisEncodingTests {
  @Test func theTextHasOneSpelling() throws {
    for bits in TrellisEncoding.bitCounts {
      let encoding = Encoding.trellis(TrellisEncoding(bits: bits))
      #expect(encoding.text == "trellis(bits=\(bits))")
      #expect(try Encoding(parsing: encoding.text) == encoding)
    }
    let wrong = [
      "trellis(bits=0)", "trellis(bits=5)", "trellis(bits=02)", "trellis()", "trellis(bits=2 bits=2)", "trellis",
    ]
    for text in wrong {
      #expect(throws: EncodingError.malformed(text)) { try Encoding(parsing: text) }
    }
  }

  /// Counted by hand: rows filled up to sixteens times columns times bits / 8, then from the next multiple of 64 two
  /// bytes per row.
  @Test(arguments: [
    (2, 128, 256, 8_192 + 256), (3, 128, 256, 12_288 + 256), (2, 256, 100, 6_400 + 512), (1, 16, 3, 64 + 32),
    (2, 1, 1, 64 + 2), (4, 17, 5, 128 + 34), (3, 129, 7, 384 + 258), (4, 300, 10, 1_536 + 600),
  ])
  func sizes(bits: Int, rows: Int, columns: Int, expected: Int) {
    let encoding = Encoding.trellis(TrellisEncoding(bits: bits))
    #expect(encoding.byteCount(of: MatrixShape(outputCount: rows, inputCount: columns)) == expected)
  }

  /// 4096 values: what a reader computes from a state, by hand for some, and as near to a normal distribution as was
  /// wanted.
  @Test func values() {
    #expect(TrellisCodebook.value(of: 0) == 0)
    // 575547799 = 0x224E2997: 0x22 + 0x4E + 0x29 − 0x69.
    #expect(TrellisCodebook.multiplier == 0x224E_2997)
    #expect(TrellisCodebook.value(of: 1) == Float(0x22 + 0x4E + 0x29 - 0x69) / 128)
    // Twice that: 0x449C532E.
    #expect(TrellisCodebook.value(of: 2) == Float(0x44 - 0x64 + 0x53 + 0x2E) / 128)
    let values = (0..<4096).map { Double(TrellisCodebook.value(of: $0)) }
    let mean = values.reduce(0, +) / 4096
    let variance = values.reduce(0) { $0 + $1 * $1 } / 4096 - mean * mean
    let squares = values.map { ($0 - mean) * ($0 - mean) }
    let kurtosis = squares.reduce(0) { $0 + $1 * $1 } / 4096 / (variance * variance)
    #expect(abs(mean) < 0.02 && abs(variance.squareRoot() - 1.155) < 0.02 && (2.5...3).contains(kurtosis))
  }

  /// One tile of sixteen rows and two columns at 2 bits, put together by hand.
  @Test func aTileByHand() {
    var codes = [UInt8](repeating: 0, count: 32)
    codes[0] = 1  // row 0 of column 0
    codes[15] = 2  // its row 15
    codes[16 + 5] = 3  // row 5 of column 1
    var packer = TrellisPacker(encoding: TrellisEncoding(bits: 2), inputCount: 2)
    packer.append(codes: codes.span, scales: ([Float](repeating: 0, count: 13) + [2, 0.5, -1]).span)
    let bytes = packer.finish()
    #expect(bytes.count == 64 + 32)
    #expect(Array(bytes[..<8]) == [1, 0, 0, 0x80, 0, 0x0C, 0, 0])
    let encoding = Encoding.trellis(TrellisEncoding(bits: 2))
    let shape = MatrixShape(outputCount: 16, inputCount: 2)
    let decoded = OracleDecoder.decode(bytes.span, encoding: encoding, shape: shape)
    // Row 15 of column 0: its own code, and after the seam that of row 0.
    #expect(decoded[15 * 2] == -TrellisCodebook.value(of: 2 | 1 << 2))
    #expect(decoded[14 * 2] == 0.5 * TrellisCodebook.value(of: 2 << 2 | 1 << 4))
    #expect(decoded[13 * 2] == 2 * TrellisCodebook.value(of: 2 << 4 | 1 << 6))
    #expect(decoded[13 * 2 + 1] == 0 && decoded[0] == 0)
  }

  /// What the packer was given comes back through the windows that the format describes, for whole and broken tiles.
  @Test(arguments: TrellisEncoding.bitCounts, [1, 16, 31, 128, 130, 260])
  func roundTrip(bits: Int, rowCount: Int) {
    var random = SplitMix64(seed: UInt64(bits * 1_000 + rowCount))
    let width = 5, encoding = TrellisEncoding(bits: bits)
    var packer = TrellisPacker(encoding: encoding, inputCount: width)
    var expected: [Float] = []
    for first in stride(from: 0, to: rowCount, by: TrellisLayout.tileRowCount) {
      let count = min(rowCount - first, TrellisLayout.tileRowCount), lanes = TrellisLayout.filled(count)
      let codes = (0..<width * lanes).map { _ in UInt8(random.next() & ((1 << UInt64(bits)) - 1)) }
      let scales = (0..<count).map { _ in
        HalfPrecision.float(fromFloat16Bits: UInt16(0x3000 + random.next() & 0x3FF))
      }
      var part = TrellisPacker(encoding: encoding, inputCount: width)
      part.append(codes: codes.span, scales: scales.span)
      packer.append(contentsOf: part)
      for row in 0..<count {
        for column in 0..<width {
          var state = 0
          for step in 0..<12 { state |= Int(codes[column * lanes + (row + step) % lanes]) << (bits * step) }
          expected.append(scales[row] * TrellisCodebook.value(of: state & 4095))
        }
      }
    }
    #expect(packer.rowCount == rowCount)
    let bytes = packer.finish(), shape = MatrixShape(outputCount: rowCount, inputCount: width)
    #expect(bytes.count == Encoding.trellis(encoding).byteCount(of: shape))
    #expect(OracleDecoder.decode(bytes.span, encoding: .trellis(encoding), shape: shape) == expected)
  }
}
