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

  @Test(arguments: [
    "", "(", ")", "dense", "dense()", "dense(f64)", "dense(bf16) ", " dense(bf16)", "dense(bf16 )", "dense(bf16 f16)",
    "dense(bf16))", "Dense(bf16)", "grouped(bits=4)", "grouped(bits=1 group=64 asymmetric scale=f16)",
    "grouped(bits=9 group=64 asymmetric scale=f16)", "grouped(bits=04 group=64 asymmetric scale=f16)",
    "grouped(bits=+4 group=64 asymmetric scale=f16)", "grouped(bits=4 group=0 asymmetric scale=f16)",
    "grouped(bits=4 group=-64 asymmetric scale=f16)", "grouped(bits=4 group=16777217 asymmetric scale=f16)",
    "grouped(bits=4 group=99999999999999999999 asymmetric scale=f16)", "grouped(bits=4 group=64 crooked scale=f16)",
    "grouped(bits=4 group=64 asymmetric scale=f8)", "grouped(group=64 bits=4 asymmetric scale=f16)",
    "grouped(bits=4  group=64 asymmetric scale=f16)", "grouped(bits=4 group=64 asymmetric scale=f16)\0",
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
}
