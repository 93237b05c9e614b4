import CompressionPasses
import Diagnostics
import Encodings
import ModelIR
import PassKit
import TensorCore
import Testing

/// Which pass takes which value, and what it says when it does not.
@Suite struct LegalityTests {
  private func failure(_ texts: [String], _ model: SyntheticModel = SyntheticModel()) throws -> Diagnosis {
    try #require(throws: StepFailure.self) {
      try PassPlan(PassStep.steps(texts), on: ModelOutline(of: model.model()))
    }.diagnosis
  }

  private static let refused: [(list: [String], code: String)] = [
    (["quantize group=32", "quantize group=32 targets=*.mlp.*"], "passes.already-compressed"),
    (["quantize group=32", "sparsify targets=*.mlp.*"], "passes.already-compressed"),
    (["sparsify", "sparsify targets=*.mlp.*"], "passes.already-compressed"),
    (["sparsify method=armor", "sparsify targets=*.mlp.*"], "passes.already-compressed"),
    (["quantize group=32", "factorize method=svd parameters=0.5 targets=*.mlp.*"], "passes.already-compressed"),
    (["sparsify bits=4 group=16", "quantize group=32 targets=*.mlp.*"], "passes.already-compressed"),
    (["factorize method=svd correction=8 targets=*.mlp.*"], "passes.not-quantized"),
    (["factorize method=svd correction=8"], "passes.nothing-to-do"),
    (["sparsify", "factorize method=svd correction=8 targets=*.query"], "passes.not-quantized"),
    (["quantize group=32", "sparsify"], "passes.nothing-to-do"),
    (["sparsify pattern=5:12"], "passes.pattern-does-not-divide"),
    (["sparsify bits=4"], "passes.group-does-not-divide"),
  ]

  @Test(arguments: refused)
  func whatDoesNotComposeIsRefused(list: [String], code: String) throws {
    let diagnosis = try failure(list)
    #expect(diagnosis.code == code && diagnosis.status == .usage)
    #expect(!diagnosis.why.isEmpty && !diagnosis.fix.isEmpty)
  }

  @Test func thePatternNamesTheTensorsItDoesNotDivide() throws {
    let diagnosis = try failure(["sparsify pattern=5:12"])
    #expect(diagnosis.what.contains("2 × layers.*.attention.query (64 elements)"))
  }

  @Test func theGroupThatIsProposedWorks() throws {
    let model = try SyntheticModel(width: 96, expertWidth: 24).model()
    let failure = try #require(throws: StepFailure.self) {
      try PassPlan(PassStep.steps(["sparsify pattern=3:8 bits=4 group=48"]), on: ModelOutline(of: model))
    }
    guard case .groupDoesNotDivide(48, _, let divisor) = failure.error else {
      Issue.record("\(failure.error)")
      return
    }
    _ = try PassPlan(PassStep.steps(["sparsify pattern=3:8 bits=4 group=\(divisor)"]), on: ModelOutline(of: model))
  }

  @Test(arguments: [
    "sparsify bits=1", "sparsify pattern=3:8 bits=4 group=64", "sparsify method=armor bits=4",
    "sparsify method=armor pattern=8:16",
  ])
  func optionsThatContradictAreRefused(step: String) throws {
    let error = #expect(throws: (any Error).self) { try PassStep.steps([step]) }
    #expect((error as? any Diagnosable)?.diagnosis.status == .usage)
  }
}
