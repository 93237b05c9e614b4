import Encodings
import PassKit
import TensorCore
import Testing

@Suite struct EncodingCandidateTests {
  private static let shape = MatrixShape(outputCount: 256, inputCount: 256)

  private static func grouped(_ bits: Int, _ group: Int, symmetric: Bool = false) -> Encoding {
    .grouped(GroupedEncoding(bits: bits, groupElementCount: group, isSymmetric: symmetric))
  }

  @Test(
    arguments: [
      ("4", grouped(4, 64)), ("2s", grouped(2, 64, symmetric: true)), ("8g128", grouped(8, 128)),
      ("3g16s", grouped(3, 16, symmetric: true)), ("t3", .trellis(TrellisEncoding(bits: 3))), ("bf16", .dense(.bf16)),
      ("f16", .dense(.f16)), ("f32", .dense(.f32)),
      ("2:4x4", .sparse(SparsePattern(kept: 2, group: 4), values: grouped(4, 64))),
      ("7:16x3g8s", .sparse(SparsePattern(kept: 7, group: 16), values: grouped(3, 8, symmetric: true))),
      ("1:2xt2", .sparse(SparsePattern(kept: 1, group: 2), values: .trellis(TrellisEncoding(bits: 2)))),
      ("2:4xbf16", .sparse(SparsePattern(kept: 2, group: 4), values: .dense(.bf16))),
    ] as [(String, Encoding)])
  func aCandidateReadsAndPrints(text: String, encoding: Encoding) throws {
    let candidate = try #require(EncodingCandidate(text))
    #expect(candidate.text == text && candidate.encoding(group: 64, of: Self.shape) == encoding)
  }

  /// The bound of ternary weights counts everything.
  @Test(arguments: ["ternary:0.3", "ternary:0.8", "ternary:1", "ternary:1.25"])
  func ternaryWeightsAreBounded(text: String) throws {
    let candidate = try #require(EncodingCandidate(text))
    let bits = try #require(Double(text.dropFirst(8)))
    let encoding = try #require(candidate.encoding(group: 64, of: Self.shape))
    #expect(candidate.text == text && encoding.accepts(Self.shape))
    #expect(encoding.byteCount(of: Self.shape) == Int(bits * 8_192))
  }

  @Test func pruningHasNoEncoding() throws {
    let candidate = try #require(EncodingCandidate("prune"))
    #expect(candidate.text == "prune" && candidate.encoding(group: 64, of: Self.shape) == nil)
  }

  @Test(arguments: [
    "2:4xternary:0.8", "2:4xprune", "ternary:1.0", "ternary:0.2", "ternary:2", "ternary", "ternary:nan", "pruned",
    "", "1", "9", "04", "+4", "4G32", "4g", "4g0", "4g032", "g32", "4s32", "4sg32", "4g32ss", "s", "t", "t0", "t5",
    "t3s", "bf8", "BF16", "2:4", "2:4x", "x4", "4:4x4", "0:4x4", "2:17x4", "2:4:8x4", "2:4x2:4x4", "2:4x 4", "02:4x4",
    "4g16777217", "4g99999999999999999999", "٤", "4 ",
  ])
  func whatIsNoCandidateIsRefused(text: String) { #expect(EncodingCandidate(text) == nil) }

  @Test func aListOfThemIsAnOption() throws {
    let step = try PassStep(parsing: "chooser candidates=2,4g32,6s,2:4x4,bf16", catalog: .chooser)
    #expect(
      step.values[Chooser.candidates].map(\.text) == ["2", "4g32", "6s", "2:4x4", "bf16"]
        && step.text == "chooser candidates=2,4g32,6s,2:4x4,bf16")
    #expect(try PassStep(parsing: "chooser", catalog: .chooser).text == "chooser candidates=3,t2")
    for text in ["2,2", "2,,4", "2,", "nine"] {
      let error = #expect(throws: PassListError.self) {
        try PassStep(parsing: "chooser candidates=\(text)", catalog: .chooser)
      }
      #expect(error?.diagnosis.code == "passes.invalid-value")
    }
  }

  @Test(arguments: ["[2, 4g32, \"2:4x4\", bf16]", "4g32", "\"2,bf16\""])
  func aListOfThemSurvivesTheCanonicalForm(value: String) throws {
    let list = try PassList(
      parsing: Array("version: 1\npasses:\n  - chooser: { candidates: \(value) }\n".utf8), path: "a.yaml",
      catalog: .chooser)
    let again = try PassList(parsing: Array(list.printed.utf8), path: "b.yaml", catalog: .chooser)
    #expect(list == again && list.printed == again.printed)
  }
}

/// A pass that takes candidates and does nothing.
private struct Chooser: BlockPass {
  static let candidates = PassOption<[EncodingCandidate]>.candidates(
    "candidates",
    default: [
      EncodingCandidate(.grouped(bits: 3, group: nil, isSymmetric: false)), EncodingCandidate(.trellis(bits: 2)),
    ], "encodings")

  static let name = "chooser"
  static let summary = "does nothing"
  static let details = "For tests."
  static let options = [candidates.declaration]

  init(_ values: OptionValues) {}
  func plan(_ outline: inout OutlineEditor) {}
  func run(on block: BlockEditor) -> PreservedAnalyses { .all }
}

extension PassCatalog {
  fileprivate static let chooser = PassCatalog([Chooser.self])
}
