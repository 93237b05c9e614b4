import Encodings
import TensorCore
import Testing

@Suite struct DenseCodecTests {
  private static let everyWord = (0..<65_536).flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }

  /// Every half and bfloat value, what lies halfway between neighbours, and the floats next to those.
  private static let boundaries: [Float] = (0..<65_536).flatMap { index in
    let bits = UInt16(index)
    return [HalfPrecision.float(fromFloat16Bits: bits), HalfPrecision.float(fromBFloat16Bits: bits)].flatMap { value in
      let step: UInt32 = 0x1000
      let offsets = [0, 1, step &- 1, step, step &+ 1, 0x7FFF, 0x8000, 0x8001]
      return offsets.map { Float(bitPattern: value.bitPattern &+ $0) }
    }
  }

  @Test func decodesEveryHalf() {
    let halves = DenseCodec.decode(Self.everyWord.span, as: .f16)
    let bfloats = DenseCodec.decode(Self.everyWord.span, as: .bf16)
    var wrong: [Int] = []
    for index in 0..<65_536 {
      let half = HalfPrecision.float(fromFloat16Bits: UInt16(index))
      let bfloat = HalfPrecision.float(fromBFloat16Bits: UInt16(index))
      if halves[index].bitPattern != half.bitPattern && !(half.isNaN && halves[index].isNaN) { wrong.append(index) }
      if bfloats[index].bitPattern != bfloat.bitPattern { wrong.append(index) }
    }
    #expect(wrong.isEmpty)
  }

  @Test func encodesBoundariesAsTheReferenceDoes() {
    let halves = DenseCodec.encode(Self.boundaries.span, as: .f16)
    let bfloats = DenseCodec.encode(Self.boundaries.span, as: .bf16)
    var wrong: [Float] = []
    for (index, value) in Self.boundaries.enumerated() {
      let half = UInt16(halves[2 * index]) | UInt16(halves[2 * index + 1]) << 8
      let bfloat = UInt16(bfloats[2 * index]) | UInt16(bfloats[2 * index + 1]) << 8
      if half != HalfPrecision.float16Bits(value) && !value.isNaN { wrong.append(value) }
      if value.isNaN && (half & 0x7E00 != 0x7E00) { wrong.append(value) }
      if bfloat != HalfPrecision.bfloat16Bits(value) { wrong.append(value) }
    }
    #expect(wrong.isEmpty)
  }

  @Test func wholeFloatsComeBack() {
    let bytes = DenseCodec.encode(Self.boundaries.span, as: .f32)
    let back = DenseCodec.decode(bytes.span, as: .f32)
    #expect(back.map(\.bitPattern) == Self.boundaries.map(\.bitPattern))
    #expect(
      Array(bytes[..<4]) == [0, 0, 0, 0] && DenseCodec.encode([Float(1.5)].span, as: .f32) == [0, 0, 0xC0, 0x3F])
  }

  @Test(arguments: ElementType.allCases)
  func theOracleAgrees(type: ElementType) {
    let values = (0..<35).map { Float($0) * 0.37 - 5 }
    let bytes = DenseCodec.encode(values.span, as: type)
    let oracle = OracleDecoder.decode(
      bytes.span, encoding: .dense(type), shape: MatrixShape(outputCount: 5, inputCount: 7))
    #expect(DenseCodec.decode(bytes.span, as: type) == oracle)
  }

  @Test(arguments: [1, 63, 64, 65, 200], [Float.nan, .infinity, -.infinity])
  func findsTheFirstNonFinite(count: Int, bad: Float) {
    let clean = [Float](repeating: .greatestFiniteMagnitude, count: count)
    #expect(Finiteness.firstNonFinite(in: clean.span) == nil)
    for place in [0, count / 2, count - 1] {
      var values = clean
      values[place] = bad
      values[count - 1] = bad
      #expect(Finiteness.firstNonFinite(in: values.span) == place)
    }
  }

  @Test func nothingIsFinite() { #expect(Finiteness.firstNonFinite(in: [Float]().span) == nil) }
}
