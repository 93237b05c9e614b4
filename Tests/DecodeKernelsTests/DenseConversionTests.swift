import DecodeKernels
import TensorCore
import Testing

@Suite struct DenseConversionTests {
  /// Every 16-bit pattern but signalling NaNs, which processors make quiet and tables of bits do not.
  private static func words(_ type: ElementType) -> [UInt16] {
    (0...UInt16.max).filter { word in
      !reference(word, type).isNaN || word & (type == .f16 ? 0x200 : 0x40) != 0
    }
  }

  private static func reference(_ word: UInt16, _ type: ElementType) -> Float {
    type == .f16 ? HalfPrecision.float(fromFloat16Bits: word) : HalfPrecision.float(fromBFloat16Bits: word)
  }

  @Test(arguments: InstructionSet.supported, [ElementType.f16, .bf16])
  func everyWordIsDecodedAndComesBack(isa: InstructionSet, type: ElementType) {
    let words = Self.words(type)
    let bytes = words.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
    var values = [Float](repeating: -1, count: words.count)
    var valueSpan = values.mutableSpan
    DenseConversion(isa).decode(bytes.span, as: type, into: &valueSpan)
    let wrong = zip(words, values).filter { $1.bitPattern != Self.reference($0, type).bitPattern }
    #expect(wrong.isEmpty)
    var back = [UInt8](repeating: 0, count: bytes.count)
    var backSpan = back.mutableSpan
    DenseConversion(isa).encode(values.span, as: type, into: &backSpan)
    #expect(back == bytes)
  }

  /// Halfway between neighbours, and one unit to either side.
  @Test(arguments: InstructionSet.supported, [ElementType.f16, .bf16])
  func roundsToNearestEven(isa: InstructionSet, type: ElementType) {
    let halfway: UInt32 = type == .f16 ? 0x1000 : 0x8000
    let values =
      Self.words(type).flatMap { word -> [Float] in
        let bits = Self.reference(word, type).bitPattern
        return [halfway - 1, halfway, halfway + 1].map { Float(bitPattern: bits &+ $0) }
      }.filter { !$0.isNaN } + [1e-8, 2.9e-8, 2.98023223876953125e-8, 3e-8, 6.1e-5, 65_519.99, 65_520, 1e30, -1e30]
    let expected = values.map { type == .f16 ? HalfPrecision.float16Bits($0) : HalfPrecision.bfloat16Bits($0) }
    var bytes = [UInt8](repeating: 0, count: 2 * values.count)
    var span = bytes.mutableSpan
    DenseConversion(isa).encode(values.span, as: type, into: &span)
    let wrong = values.indices.filter { UInt16(bytes[2 * $0]) | UInt16(bytes[2 * $0 + 1]) << 8 != expected[$0] }
    #expect(wrong.isEmpty, "\(wrong.prefix(3).map { values[$0] })")
  }

  @Test(arguments: InstructionSet.supported, [0, 1, 15, 16, 17, 31, 100])
  func anyCountAndUnalignedBytes(isa: InstructionSet, count: Int) {
    let values = (0..<count).map { Float($0) * 0.25 - 3 }
    for type in ElementType.allCases {
      var bytes = [UInt8](repeating: 0xAA, count: count * type.byteCount + 1)
      var decoded = [Float](repeating: .nan, count: count)
      var byteSpan = bytes.mutableSpan, decodedSpan = decoded.mutableSpan
      var tail = byteSpan._mutatingExtracting(1...)
      DenseConversion(isa).encode(values.span, as: type, into: &tail)
      DenseConversion(isa).decode(bytes.span.extracting(1...), as: type, into: &decodedSpan)
      #expect(decoded == values && bytes[0] == 0xAA)
    }
  }

  @Test(arguments: InstructionSet.supported, [Float.nan, .infinity, -.infinity])
  func findsTheFirstNonFinite(isa: InstructionSet, bad: Float) {
    for count in [1, 15, 16, 33, 100] {
      let clean = [Float](repeating: -.greatestFiniteMagnitude, count: count)
      #expect(DenseConversion(isa).firstNonFinite(clean.span) == nil)
      for place in 0..<count {
        var values = clean
        values[place] = bad
        values[count - 1] = bad
        #expect(DenseConversion(isa).firstNonFinite(values.span) == place)
      }
    }
    #expect(DenseConversion(isa).firstNonFinite([Float]().span) == nil)
  }
}
