import Diagnostics
import Encodings
import TensorCore
import Testing

@Suite struct EncodingTextTests {
  @Test func printsAsTheFormatSays() {
    #expect(Encoding.dense(.bf16).text == "dense(bf16)")
    let grouped = GroupedEncoding(bits: 4, groupElementCount: 64, isSymmetric: false)
    #expect(Encoding.grouped(grouped).text == "grouped(bits=4 group=64 asymmetric scale=f16)")
  }

  @Test func everyEncodingComesBack() throws {
    for type in ElementType.allCases {
      #expect(try Encoding(parsing: Encoding.dense(type).text) == .dense(type))
      for bits in 2...8 {
        for group in [1, 3, 64, GroupedEncoding.largestGroup] {
          for isSymmetric in [false, true] {
            let encoding = Encoding.grouped(
              GroupedEncoding(bits: bits, groupElementCount: group, isSymmetric: isSymmetric, scaleType: type))
            #expect(try Encoding(parsing: encoding.text) == encoding)
          }
        }
      }
    }
  }

  private static let four = Encoding.grouped(GroupedEncoding(bits: 4, groupElementCount: 64, isSymmetric: false))

  @Test(arguments: [
    (
      .sparse(SparsePattern(kept: 2, group: 4), values: four),
      "sparse(2:4 grouped(bits=4 group=64 asymmetric scale=f16))"
    ),
    (.lowRank(rank: 8, u: .dense(.f16), v: .dense(.bf16)), "low_rank(rank=8 dense(f16) dense(bf16))"),
    (.sum(.dense(.f32), .sum(.dense(.f16), .dense(.bf16))), "sum(dense(f32) sum(dense(f16) dense(bf16)))"),
    (
      .wrapped(BlockDiagonal(blockElementCount: 128), core: .sparse(SparsePattern(kept: 15, group: 16), values: four)),
      "wrapped(block=128 type=f16 sparse(15:16 grouped(bits=4 group=64 asymmetric scale=f16)))"
    ),
  ] as [(Encoding, String)])
  func compositesPrintAndComeBack(encoding: Encoding, text: String) throws {
    #expect(encoding.text == text)
    #expect(try Encoding(parsing: text) == encoding)
  }

  /// A tree of sums as deep as allowed, with the longest leaves there are.
  @Test func whateverIsNotTooDeepIsShortEnough() throws {
    let longest = GroupedEncoding(
      bits: 8, groupElementCount: GroupedEncoding.largestGroup, isSymmetric: false, scaleType: .bf16)
    var encoding = Encoding.grouped(longest)
    for _ in 1..<Encoding.largestDepth { encoding = .lowRank(rank: .max, u: encoding, v: encoding) }
    #expect(encoding.depth == Encoding.largestDepth)
    #expect(encoding.text.utf8.count <= Encoding.textByteCountLimit)
    #expect(try Encoding(parsing: encoding.text) == encoding)
    let deeper = Encoding.sum(encoding, .dense(.f32))
    #expect(throws: EncodingError.malformed(deeper.text)) { try Encoding(parsing: deeper.text) }
    #expect(!Encoding.sum(.dense(.f32), sums(6)).accepts(MatrixShape(outputCount: 4, inputCount: 4)))
    #expect(sums(6).accepts(MatrixShape(outputCount: 4, inputCount: 4)))
  }

  private func sums(_ depth: Int) -> Encoding {
    depth == 1 ? .dense(.f32) : .sum(sums(depth - 1), .dense(.f32))
  }

  @Test(arguments: [
    "", "(", ")", "dense", "dense()", "dense(f64)", "dense(bf16) ", " dense(bf16)", "dense(bf16 )", "dense(bf16 f16)",
    "dense(bf16))", "Dense(bf16)", "grouped(bits=4)", "grouped(bits=1 group=64 asymmetric scale=f16)",
    "grouped(bits=9 group=64 asymmetric scale=f16)", "grouped(bits=04 group=64 asymmetric scale=f16)",
    "grouped(bits=+4 group=64 asymmetric scale=f16)", "grouped(bits=4 group=0 asymmetric scale=f16)",
    "grouped(bits=4 group=-64 asymmetric scale=f16)", "grouped(bits=4 group=16777217 asymmetric scale=f16)",
    "grouped(bits=4 group=99999999999999999999 asymmetric scale=f16)", "grouped(bits=4 group=64 crooked scale=f16)",
    "grouped(bits=4 group=64 asymmetric scale=f8)", "grouped(group=64 bits=4 asymmetric scale=f16)",
    "grouped(bits=4  group=64 asymmetric scale=f16)", "grouped(bits=4 group=64 asymmetric scale=f16)\0",
    "sparse(2:4)", "sparse(dense(f16))", "sparse(4:4 dense(f16))", "sparse(0:4 dense(f16))", "sparse(5:4 dense(f16))",
    "sparse(8:17 dense(f16))", "sparse(02:4 dense(f16))", "sparse(2:4:8 dense(f16))", "sparse(2-4 dense(f16))",
    "sparse(:2:4 dense(f16))", "sparse(2:4 dense(f16) dense(f16))", "sparse(2:4 (dense(f16)))",
    "sparse(-1:4 dense(f16))",
    "sparse(99999999999999999999:4 dense(f16))", "sparse(2:4 dense(f16)", "sparse(2:4  dense(f16))",
    "low_rank(8 dense(f16) dense(f16))", "low_rank(rank=08 dense(f16) dense(f16))", "low_rank(rank=8 dense(f16))",
    "low_rank(rank=99999999999999999999 dense(f16) dense(f16))", "lowRank(rank=8 dense(f16) dense(f16))",
    "low_rank(rank=8 dense(f16)dense(f16))", "sum(dense(f16))", "sum()", "sum(dense(f16) dense(f16) dense(f16))",
    "sum(dense(f16) dense(f8))", "sum(dense(f16)) dense(f16)", "sum)dense(f16) dense(f16)(",
    "wrapped(block=1 type=f16 dense(f16))", "wrapped(block=257 type=f16 dense(f16))",
    "wrapped(type=f16 block=8 dense(f16))", "wrapped(block=8 type=i8 dense(f16))", "wrapped(block=8 dense(f16))",
    String(repeating: "sum(", count: 1_000), String(repeating: "(", count: 4_096),
    String(repeating: "sum(a ", count: 600),
    String(repeating: "sum(dense(f16) ", count: 200) + "dense(f16)" + String(repeating: ")", count: 200),
    "sum(dense(f16) " + String(repeating: " ", count: 5_000) + "dense(f16))",
  ])
  func anythingElseIsRefused(text: String) {
    #expect(throws: EncodingError.malformed(text)) { try Encoding(parsing: text) }
    #expect(EncodingError.malformed(text).diagnosis.status == .malformedInput)
  }

  @Test func shapesThatCannotBeHeldAreNotAccepted() {
    let grouped = Encoding.grouped(GroupedEncoding(bits: 4, groupElementCount: 32, isSymmetric: true))
    #expect(grouped.accepts(MatrixShape(outputCount: 3, inputCount: 96)))
    #expect(!grouped.accepts(MatrixShape(outputCount: 3, inputCount: 33)))
    for (rows, columns) in [(0, 32), (1, 0), (-1, 32), (1 << 40, 1 << 40), (1 << 48, 32)] {
      #expect(!grouped.accepts(MatrixShape(outputCount: rows, inputCount: columns)))
      #expect(!Encoding.dense(.f32).accepts(MatrixShape(outputCount: rows, inputCount: columns)))
    }
  }

  /// Numbers a hostile file may bring: refused before anything is computed from them.
  @Test func hostileShapesOfComponentsAreNotAccepted() {
    let shape = MatrixShape(outputCount: 8, inputCount: 16)
    let dense = Encoding.dense(.f16)
    func rank(_ rank: Int) -> Encoding { .lowRank(rank: rank, u: dense, v: dense) }
    #expect(rank(8).accepts(shape))
    for bad in [0, -1, 9, 16, 1 << 60, .max, .min] {
      #expect(!rank(bad).accepts(shape))
      #expect(!Encoding.sum(dense, rank(bad)).accepts(shape))
      #expect(!Encoding.sparse(SparsePattern(kept: 2, group: 4), values: rank(bad)).accepts(shape))
      #expect(!Encoding.wrapped(BlockDiagonal(blockElementCount: 8), core: rank(bad)).accepts(shape))
    }
    #expect(!rank(1 << 36).accepts(MatrixShape(outputCount: 1, inputCount: 1 << 36)))
    #expect(!Encoding.sparse(SparsePattern(kept: 2, group: 5), values: dense).accepts(shape))
    // The values of a row are 8, which no group of 3 divides.
    let three = Encoding.grouped(GroupedEncoding(bits: 4, groupElementCount: 3, isSymmetric: true))
    #expect(!Encoding.sparse(SparsePattern(kept: 2, group: 4), values: three).accepts(shape))
    #expect(!Encoding.wrapped(BlockDiagonal(blockElementCount: 16), core: dense).accepts(shape))
    #expect(!Encoding.wrapped(BlockDiagonal(blockElementCount: 3), core: dense).accepts(shape))
    let largest = MatrixShape(outputCount: 1 << 24, inputCount: 1 << 24)
    // Decoding a row would take 2^25 rows of leaves.
    #expect(!Encoding.sum(rank(1 << 24), rank(1 << 24)).accepts(largest))
    #expect(Encoding.sum(rank(1 << 18), rank(1 << 18)).accepts(largest))
    #expect(Encoding.sum(rank(1 << 24), rank(1 << 24)).byteCount(of: largest) == 8 << 48)
  }

  @Test func aLookUpThatWouldNeverEndIsNotAccepted() {
    let dense = Encoding.dense(.f16), shape = MatrixShape(outputCount: 256, inputCount: 256)
    var nested = dense
    // 1 + 256·257 rows of leaves for a row of the second, and 256 times as many for one of the third.
    for isAccepted in [true, true, false, false] {
      nested = .lowRank(rank: 256, u: dense, v: nested)
      #expect(nested.accepts(shape) == isAccepted)
    }
  }
}
