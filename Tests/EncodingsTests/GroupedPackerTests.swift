import Encodings
import TensorCore
import Testing

@Suite struct GroupedPackerTests {
  /// Packs one row of 64 codes with scale 1 and returns the block.
  private func block(bits: Int, _ code: (Int) -> Int) -> [UInt8] {
    let encoding = GroupedEncoding(bits: bits, groupElementCount: 64, isSymmetric: true)
    var packer = GroupedPacker(encoding: encoding, inputCount: 64)
    packer.append(codes: (0..<64).map { UInt8(code($0)) }.span, scales: [Float(1)].span, zeros: [UInt8]().span)
    return Array(packer.finish()[..<(8 * bits)])
  }

  /// The bytes of docs/format.md §4.2, computed by hand for codes that name their place.
  @Test func blocksAreAsTheFormatSays() {
    let ascending: [UInt8] = Array(0..<64)
    let nibbles: [UInt8] = (0..<32).map { (byte: Int) -> UInt8 in UInt8(byte / 4 + 16 * (byte / 4 + 8)) }
    #expect(block(bits: 8) { $0 } == ascending)
    #expect(block(bits: 4) { $0 / 4 } == nibbles)
    #expect(block(bits: 2) { $0 / 16 } == [UInt8](repeating: 0b11_10_01_00, count: 16))
    #expect(block(bits: 3) { $0 == 9 ? 0b101 : 0 } == zeros(24, except: [9: 1, 17: 2]))
    #expect(block(bits: 5) { $0 == 33 ? 0b10110 : 0 } == zeros(40, except: [1: 0x60, 36: 2]))
    #expect(block(bits: 6) { $0 == 63 ? 0b110101 : 0 } == zeros(48, except: [31: 0x50, 47: 0xC0]))
    #expect(block(bits: 7) { $0 == 20 ? 0b1011001 : 0 } == zeros(56, except: [20: 9, 36: 4, 50: 16]))
  }

  private func zeros(_ count: Int, except values: [Int: UInt8]) -> [UInt8] { (0..<count).map { values[$0] ?? 0 } }

  @Test func planesBeginWhereTheLayoutSays() {
    let encoding = GroupedEncoding(bits: 3, groupElementCount: 5, isSymmetric: false, scaleType: .bf16)
    let layout = encoding.layout(of: MatrixShape(outputCount: 3, inputCount: 70))
    #expect(layout.codesByteCount == 3 * 2 * 24)
    #expect(layout.scalesOffset == 192 && layout.scalesByteCount == 3 * 14 * 2)
    #expect(layout.zerosOffset == 320 && layout.byteCount == 320 + 42)
  }

  @Test(arguments: 2...8, [(1, 1), (3, 3), (33, 11), (65, 13), (64, 64), (96, 32), (160, 16), (130, 130)])
  func theOracleReadsWhatWasPacked(bits: Int, row: (count: Int, group: Int)) {
    var random = SplitMix64(seed: UInt64(bits * 1_000 + row.count))
    for isSymmetric in [false, true] {
      for scaleType in ElementType.allCases {
        let encoding = GroupedEncoding(
          bits: bits, groupElementCount: row.group, isSymmetric: isSymmetric, scaleType: scaleType)
        let shape = MatrixShape(outputCount: 3, inputCount: row.count)
        var whole = GroupedPacker(encoding: encoding, inputCount: row.count)
        var expected: [Float] = []
        for _ in 0..<3 {
          let codes = (0..<row.count).map { _ in UInt8(random.next() % (1 << UInt64(bits))) }
          let scales = (0..<row.count / row.group).map { _ in Float(1 + random.next() % 200) / 64 }
          let zeros = isSymmetric ? [] : scales.map { _ in UInt8(random.next() % 256) }
          var part = GroupedPacker(encoding: encoding, inputCount: row.count)
          part.append(codes: codes.span, scales: scales.span, zeros: zeros.span)
          whole.append(contentsOf: part)
          for (index, code) in codes.enumerated() {
            let group = index / row.group
            let zero = isSymmetric ? Float(1 << (bits - 1)) : Float(zeros[group]) / Float(1 << (8 - bits))
            expected.append(scales[group] * (Float(code) - zero))
          }
        }
        let bytes = whole.finish()
        #expect(bytes.count == Encoding.grouped(encoding).byteCount(of: shape))
        #expect(OracleDecoder.decode(bytes.span, encoding: .grouped(encoding), shape: shape) == expected)
      }
    }
  }
}
