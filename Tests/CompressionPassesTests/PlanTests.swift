import CompressionPasses
import Diagnostics
import Encodings
import ModelIR
import PassKit
import TensorCore
import Testing

@Suite struct PlanTests {
  private static let experts = ["experts.0", "experts.1", "shared"].flatMap { expert in
    ["gate", "up", "down"].map { "layers.1.mlp.\(expert).\($0)" }
  }
  /// What the blocks hold in linear weights, in the graph's order.
  private static let linear =
    ["layers.0.attention.query", "layers.0.mlp.up", "layers.0.mlp.down", "layers.1.attention.query"] + experts

  private func plan(_ texts: String..., on model: SyntheticModel = SyntheticModel()) throws -> PassPlan {
    try PassPlan(PassStep.steps(texts), on: ModelOutline(of: model.model()))
  }

  private func names(_ plan: StepPlan) -> [String] { plan.assignments.map(\.parameter.name) }

  private func grouped(_ bits: Int, group: Int = 32, symmetric: Bool = false) -> Encoding {
    .grouped(GroupedEncoding(bits: bits, groupElementCount: group, isSymmetric: symmetric))
  }

  private func failure(_ texts: String..., on model: SyntheticModel = SyntheticModel()) throws -> StepFailure {
    try #require(throws: StepFailure.self) { try PassPlan(PassStep.steps(texts), on: ModelOutline(of: model.model())) }
  }

  @Test func quantizeTakesBlocksEmbeddingAndHead() throws {
    let step = try plan("quantize bits=3 group=32 symmetric=true").steps[0]
    #expect(names(step) == ["embedding"] + Self.linear + ["head"])
    for assignment in step.assignments {
      let isTable = ["embedding", "head"].contains(assignment.parameter.name)
      #expect(assignment.after == grouped(isTable ? 8 : 3, symmetric: true))
      #expect(assignment.before == .dense(.bf16))
    }
  }

  @Test func embeddingAndHeadHaveTheirOwnBits() throws {
    let outline = try plan("quantize group=32 embedding=6 head=0").outline
    #expect(outline.encodings["embedding"] == grouped(6))
    #expect(outline.encodings["head"] == .dense(.bf16))
    #expect(outline.encodings["layers.0.mlp.up"] == grouped(4))
    let targeted = try plan("quantize group=32 bits=2 targets=* head=5").outline
    #expect(targeted.encodings["embedding"] == grouped(8) && targeted.encodings["head"] == grouped(5))
    #expect(targeted.encodings["layers.1.mlp.router"] == .dense(.bf16))
  }

  /// Targets, and the parameters quantize takes for them, by what their names hold.
  private static let selections: [(targets: String, expected: [String])] = [
    ("layers.1.*", linear { $0.hasPrefix("layers.1.") }),
    ("*.mlp.*", linear { $0.contains(".mlp.") }),
    ("*.mlp.*,!*.experts.*", linear { $0.contains(".mlp.") && !$0.contains("experts") }),
    ("!*.experts.*,*.mlp.*", linear { $0.contains(".mlp.") && !$0.contains("experts") }),
    ("!layers.0.*", linear { !$0.hasPrefix("layers.0.") } + ["embedding", "head"]),
    ("layers.*.mlp.router", ["layers.1.mlp.router"]),
    ("*router,*.up", linear { $0.hasSuffix(".up") }),
    ("*.shared_router,*.up", linear { $0.hasSuffix(".up") } + ["layers.1.mlp.shared_router"]),
    ("embedding", ["embedding"]),
    ("*", linear { _ in true } + ["embedding", "head"]),
  ]

  private static func linear(where isWanted: (String) -> Bool) -> [String] { linear.filter(isWanted) }

  @Test(arguments: selections)
  func targetsOfQuantize(targets: String, expected: [String]) throws {
    #expect(try names(plan("quantize group=32 targets=\(targets)").steps[0]).sorted() == expected.sorted())
  }

  @Test func laterStepsTakeWhatIsLeft() throws {
    let steps = try plan("quantize bits=2 group=32 targets=*.experts.*", "quantize bits=6 group=32").steps
    #expect(names(steps[1]) == ["embedding"] + Self.linear.filter { !$0.contains(".experts.") } + ["head"])
    #expect(steps[1].byteCountBefore == steps[0].byteCountAfter)
  }

  @Test func castTakesEverythingDense() throws {
    let model = SyntheticModel()
    let step = try plan("cast type=f32", on: model).steps[0]
    #expect(names(step) == model.graph.parameters.map(\.name))
    #expect(step.byteCountAfter == 2 * step.byteCountBefore)
    let rest = try plan("quantize group=32", "cast type=f16").steps[1]
    let dense = model.graph.parameters.map(\.name).filter {
      !Self.linear.contains($0) && !["embedding", "head"].contains($0)
    }
    #expect(names(rest) == dense)
    #expect(try names(plan("cast type=f32 targets=*_bias,*norm,!final*").steps[0]).count == 6)
  }

  @Test func castToTheSameTypeIsNothingToRewrite() throws {
    let step = try plan("cast type=bf16").steps[0]
    let count = SyntheticModel().graph.parameters.count
    #expect(step.assignments.isEmpty && step.notes == ["\(count) of \(count) parameters are bf16 already"])
  }

  @Test func aTiedHeadFollowsTheEmbedding() throws {
    let tied = SyntheticModel(isTied: true)
    let step = try plan("quantize group=32 embedding=4", on: tied).steps[0]
    #expect(names(step) == ["embedding"] + Self.linear)
    #expect(step.outline.encodings["embedding"] == grouped(4))
    #expect(step.notes == ["the head multiplies by embedding, so embedding=4 holds for both"])
    #expect(try plan("quantize group=32 embedding=6 head=6", on: tied).steps[0].notes.isEmpty)

    let refused = try failure("quantize group=32 embedding=6 head=4", on: tied)
    #expect(refused.error == .tiedHead(parameter: "embedding", embeddingBits: 6, headBits: 4))
    #expect(refused.diagnosis.code == "passes.tied-head" && refused.diagnosis.status == .usage)
    #expect(try plan("quantize group=32 embedding=6 head=4 targets=*.mlp.*", on: tied).steps.count == 1)
  }

  @Test func aTiedCanonicalListIsAcceptedAgain() throws {
    var list = PassList.identity
    try list.append(parsing: "quantize group=32 embedding=4", catalog: .standard)
    let again = try PassList(parsing: Array(list.printed.utf8), path: "a.yaml", catalog: .standard)
    _ = try PassPlan(again.steps, on: ModelOutline(of: SyntheticModel(isTied: true).model()))
  }

  @Test func groupsMustDivideEveryRow() throws {
    let refused = try failure("quantize group=64")
    let rows = ["layers.0.mlp.down"] + Self.experts.filter { $0.hasSuffix("down") }
    #expect(
      refused.error
        == .groupDoesNotDivide(
          group: 64, rows: rows.map { .init(parameter: $0, elementCount: 32) }, largestDivisor: 32))
    let diagnosis = refused.diagnosis
    #expect(diagnosis.code == "passes.group-does-not-divide" && diagnosis.status == .usage)
    #expect(
      diagnosis.what
        == "groups of 64 do not divide the rows of layers.0.mlp.down (32 elements), 2 × layers.*.mlp.experts.*.down "
        + "(32 elements), layers.1.mlp.shared.down (32 elements)")
    #expect(diagnosis.fix.contains("group=32"))
    #expect(
      try failure("quantize group=50", on: SyntheticModel(width: 60, expertWidth: 100)).error.diagnosis.fix
        .contains("group=20"))
    #expect(try plan("quantize group=64 targets=*,!*.down").steps.count == 1)
  }

  @Test func aPatternThatMatchesNothingNamesTheNearest() throws {
    let refused = try failure("quantize group=32 targets=*.mlp.*,layers.*.atention.*")
    #expect(
      refused.error
        == .noMatch(
          pattern: "layers.*.atention.*", suggestion: "layers.*.attention.*",
          examples: ["embedding", "layers.0.input_norm", "layers.0.attention.query"]))
    #expect(refused.diagnosis.code == "passes.no-match" && refused.diagnosis.status == .usage)
    #expect(refused.diagnosis.fix == "did you mean 'layers.*.attention.*'?")
    #expect(refused.diagnosis.place.hasPrefix("targets (step 1, quantize, --pass 'quantize group=32 targets="))
    #expect(try failure("cast type=f16 targets=!layers.7.*").error.diagnosis.fix.contains("!layers.0.*"))
    #expect(try failure("cast type=f16 targets=zzzzzzzz").error.diagnosis.fix.contains("inspect"))
  }

  @Test func whatIsCompressedIsNotTakenAgain() throws {
    let refused = try failure("quantize bits=2 group=32 targets=*.experts.*", "quantize group=32 targets=layers.1.*")
    #expect(refused.number == 2)
    #expect(refused.error == .alreadyCompressed(parameter: "layers.1.mlp.experts.0.gate", encoding: grouped(2)))
    #expect(refused.diagnosis.code == "passes.already-compressed" && refused.diagnosis.status == .usage)
    #expect(
      try failure("quantize group=32", "cast type=f16 targets=head").diagnosis.code == "passes.already-compressed")
    #expect(try failure("quantize group=32", "quantize group=32").diagnosis.code == "passes.nothing-to-do")
    #expect(try failure("quantize group=32 head=0 embedding=0 targets=head").diagnosis.code == "passes.nothing-to-do")
  }

  @Test func vectorsAreNeverQuantized() throws {
    #expect(try failure("quantize targets=layers.*.input_norm").error == .notAMatrix(parameter: "layers.0.input_norm"))
    #expect(
      try failure("quantize targets=*.query_bias").error == .notAMatrix(parameter: "layers.0.attention.query_bias"))
    let wildcard = try failure("quantize targets=*norm,*router")
    #expect(wildcard.diagnosis.code == "passes.nothing-to-do")
    #expect(wildcard.diagnosis.why.contains("only where the last word of a pattern names them"))
  }

  @Test(arguments: [
    ("quantize method=awq", "passes.out-of-range", "one of rtn, imatrix, gptq"),
    ("quantize bits=1", "passes.out-of-range", "2 to 8"),
    ("quantize embedding=1", "passes.conflicting-options", "embedding=1"),
    ("quantize head=1", "passes.conflicting-options", "head=1"), ("quantize head=9", "passes.out-of-range", "0 to 8"),
    ("quantize group=0", "passes.out-of-range", "1 to 16777216"), ("cast", "passes.missing-option", "'type'"),
    ("cast type=f64", "passes.out-of-range", "f32, f16, bf16"),
    ("quantise", "passes.unknown-pass", "did you mean 'quantize'?"),
    ("distill", "passes.unknown-pass", "cast, quantize"),
    ("prune-experts", "passes.conflicting-options", "share"),
  ])
  func refusedOptions(step: String, code: String, part: String) throws {
    let diagnosis = try #require(throws: PassListError.self) { try PassStep.steps([step]) }.diagnosis
    #expect(diagnosis.code == code && diagnosis.status == .usage)
    #expect("\(diagnosis.what) \(diagnosis.why) \(diagnosis.fix)".contains(part), "\(diagnosis)")
  }
}
