import Encodings
import TensorCore
import Testing

/// Layouts of composite values by hand, places, and what the oracle makes of them.
@Suite struct CompositeEncodingTests {
  private static let four = Encoding.grouped(GroupedEncoding(bits: 4, groupElementCount: 16, isSymmetric: false))

  private func ranges(_ encoding: Encoding, _ outputCount: Int, _ inputCount: Int) -> [Range<Int>] {
    encoding.parts(of: MatrixShape(outputCount: outputCount, inputCount: inputCount)).map(\.byteRange)
  }

  /// One example of each, from docs/format.md alone.
  @Test func sizesAreThoseOfTheFormat() {
    // 8 groups of 3 bits are 3 bytes a row; 5 rows end at 15. Values (5, 16): a block of 32 bytes a row, 160; one scale
    // each, 10 bytes from 192 on; one zero each, 5 bytes from 256 on.
    let sparse = Encoding.sparse(SparsePattern(kept: 2, group: 4), values: Self.four)
    #expect(ranges(sparse, 5, 32) == [64..<64 + 261])
    // U (5, 3) in 30 bytes, V (3, 32) in 384.
    let lowRank = Encoding.lowRank(rank: 3, u: .dense(.f16), v: .dense(.f32))
    #expect(ranges(lowRank, 5, 32) == [0..<30, 64..<448])
    #expect(ranges(.sum(lowRank, sparse), 5, 32) == [0..<448, 448..<448 + 325])
    // A (6, 2) in 24 bytes, C (6, 4) in 96, B (4, 2) in 16.
    let wrapped = Encoding.wrapped(BlockDiagonal(blockElementCount: 2), core: .dense(.f32))
    #expect(ranges(wrapped, 6, 4) == [0..<24, 64..<160, 192..<208])
    #expect(wrapped.byteCount(of: MatrixShape(outputCount: 6, inputCount: 4)) == 208)
  }

  @Test func numbersOfSetsFollowTheirMasks() {
    let pattern = SparsePattern(kept: 2, group: 4)
    #expect(pattern.masks == [0b0011, 0b0101, 0b0110, 0b1001, 0b1010, 0b1100])
    #expect(pattern.masksByNumber == pattern.masks + [0b0011, 0b0011])
    var packer = SparsePlacesPacker(pattern: pattern, inputCount: 12)
    let masks: [UInt16] = [0b0101, 0b1100, 0b1010, 0b1001, 0b0011, 0b0110]
    packer.append(masks: masks.span.extracting(0..<3))
    packer.append(masks: masks.span.extracting(3..<6))
    // Numbers 1, 5, 4 and 3, 0, 2 in three bits each, lowest first; a row takes two bytes.
    #expect(packer.finish() == [0b00_101_001, 0b1, 0b10_000_011, 0b0])
  }

  @Test func everyPatternsPlacesComeBack() {
    var random = SplitMix64(seed: 3)
    for group in 2...16 {
      for kept in 1..<group {
        let pattern = SparsePattern(kept: kept, group: group)
        #expect(pattern.masks.count == pattern.setCount && pattern.setCount <= 1 << pattern.indexBitCount)
        #expect(pattern.setCount > 1 << (pattern.indexBitCount - 1))
        let shape = MatrixShape(outputCount: 3, inputCount: 37 * group)
        let masks = (0..<3 * 37).map { _ in pattern.masks[Int(random.next() % UInt64(pattern.setCount))] }
        var packer = SparsePlacesPacker(pattern: pattern, inputCount: shape.inputCount, expectedRowCount: 1)
        packer.append(masks: masks.span.extracting(0..<37))
        var rest = SparsePlacesPacker(pattern: pattern, inputCount: shape.inputCount)
        for row in 1..<3 { rest.append(masks: masks.span.extracting(row * 37..<(row + 1) * 37)) }
        packer.append(contentsOf: rest)
        #expect(packer.rowCount == 3)
        let places = packer.finish()
        #expect(places.count == pattern.placesByteCount(of: shape))
        #expect(pattern.masks(of: places.span, shape: shape) == masks)
      }
    }
  }

  @Test func aNumberOfNoSetStandsForTheFirst() {
    let pattern = SparsePattern(kept: 2, group: 4), shape = MatrixShape(outputCount: 1, inputCount: 8)
    let places: [UInt8] = [0b00_111_110]
    #expect(pattern.masks(of: places.span, shape: shape) == [0b0011, 0b0011])
  }

  /// Matrices small enough to multiply by hand.
  @Test func theOracleDecodesComposites() {
    let shape = MatrixShape(outputCount: 2, inputCount: 4)
    func dense(_ values: [Float]) -> [UInt8] { DenseCodec.encode(values.span, as: .f32) }
    func decoded(_ encoding: Encoding, places: [UInt8] = [], _ parts: [[UInt8]]) -> [Float] {
      let bytes = CompositeValue.bytes(of: encoding, shape: shape, places: places, parts: parts)
      return OracleDecoder.decode(bytes.span, encoding: encoding, shape: shape)
    }
    let f32 = Encoding.dense(.f32)
    // Masks 0101 and 1100.
    #expect(
      decoded(.sparse(SparsePattern(kept: 2, group: 4), values: f32), places: [1, 5], [dense([1, 2, 3, 4])])
        == [1, 0, 2, 0, 0, 0, 3, 4])
    #expect(
      decoded(.lowRank(rank: 2, u: f32, v: f32), [dense([1, 2, 3, 4]), dense([1, 0, 2, 1, 0, 1, -1, 1])])
        == [1, 2, 0, 3, 3, 4, 2, 7])
    #expect(
      decoded(.sum(f32, f32), [dense([1, 2, 3, 4, 5, 6, 7, 8]), dense([1, 1, 1, 1, 2, 2, 2, 2])])
        == [2, 3, 4, 5, 7, 8, 9, 10])
    // A = [[1, 2], [3, 4]], C rows [1, 0, 1, 0] and [0, 1, 0, 2], B of blocks [[1, 1], [0, 1]] and [[2, 0], [0, 3]].
    #expect(
      decoded(
        .wrapped(BlockDiagonal(blockElementCount: 2, type: .f32), core: f32),
        [dense([1, 2, 3, 4]), dense([1, 0, 1, 0, 0, 1, 0, 2]), dense([1, 1, 0, 1, 2, 0, 0, 3])])
        == [1, 3, 2, 12, 3, 7, 6, 24])
  }
}
