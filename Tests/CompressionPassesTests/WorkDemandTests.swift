@testable import CompressionPasses
import Encodings
import ModelIR
@testable import PassKit
import TensorCore
import Testing

/// What passes say they work in, from shapes.
@Suite struct WorkDemandTests {
  private func plan(_ text: String, width: Int = 64, isTied: Bool = false) throws -> StepPlan {
    let model = try SyntheticModel(width: width, isTied: isTied).model()
    return try #require(PassPlan(PassStep.steps([text]), on: ModelOutline(of: model)).steps.first)
  }

  private func demand(_ text: String, width: Int = 64, threads: Int = 2) throws -> WorkDemand {
    try plan(text, width: width).demand(threadCount: threads)
  }

  @Test func whatGoesByRowsTakesNothing() throws {
    for text in ["cast type=f16", "quantize bits=4 group=32"] { #expect(try demand(text) == WorkDemand()) }
  }

  /// A square matrix of width 64, the widest.
  @Test func quantizingWithFeedback() throws {
    let weights = 64 * 64 * 4, value = 3 * (64 * 64 / 2 + 64 * 2 * 3)
    let tile = 64 * 64 * (5 * 4 + 2)
    // Without damping, with it, its ratios, and in double precision while the factor is made.
    let factors = 64 * 64 * (3 * 4 + 2 * 8)
    let step = "quantize method=gptq bits=4 group=32 embedding=0 head=0 targets=*.query"
    #expect(try demand(step).memoryByteCount == weights + value + tile + factors)
    #expect(try demand(step, threads: 8) == demand(step, threads: 1), "one tile takes one thread")
    let plain = try demand(step.replacing("gptq", with: "imatrix")).memoryByteCount
    #expect(plain == weights + value + tile)
    let both = try demand("sparsify method=sparsegpt bits=4 group=32 targets=*.query").memoryByteCount
    let masks = 2 * 64 * 16 * 2
    let kept = Encoding.grouped(GroupedEncoding(bits: 4, groupElementCount: 32, isSymmetric: false))
    let sparse = Encoding.sparse(SparsePattern(kept: 2, group: 4), values: kept)
    let shape = MatrixShape(outputCount: 64, inputCount: 64)
    #expect(both == weights + masks + 3 * sparse.byteCount(of: shape) + tile + 64 * 64 * (5 * 4 + 2 * 8))
  }

  @Test func aTrellisSearchesInItsOwnMemory() throws {
    let step = "quantize method=gptq bits=2 group=32 embedding=0 head=0 targets=*.query"
    let integers = try demand(step).memoryByteCount, trellis = try demand(step + " codes=trellis").memoryByteCount
    #expect(trellis - integers > 129 * 2_048 * 4)
  }

  @Test func factorsTakeDoublePrecision() throws {
    // Weights, their image and a third, twice the metric, and four squares for the eigenvectors; or seven matrices at
    // the end.
    // And the Gram matrix.
    let job = 8 * (max(3 + 2 + 4, 7 + 2 + 1) + 1) * 64 * 64
    let step = "factorize energy=0.9 targets=*.query"
    let tables = 2 * RankTable.byteCount(of: MatrixShape(outputCount: 64, inputCount: 64))
    #expect(try demand(step, threads: 1).memoryByteCount == job + tables)
    #expect(try demand(step, threads: 3).memoryByteCount == job + tables, "a layer has one such matrix")
    #expect(try demand(step + " method=svd", threads: 1).memoryByteCount == job - 8 * 3 * 64 * 64 + tables)
    let experts = "factorize energy=0.9 targets=*.up"
    let shape = MatrixShape(outputCount: 32, inputCount: 64)
    let one = FactorizationJob.workingByteCount(of: shape, need: .gram, isCorrection: false) + 64 * 64 * 8
    #expect(
      try demand(experts, threads: 2).memoryByteCount - demand(experts, threads: 1).memoryByteCount == one)
    #expect(try demand(step).outputChangeCount == 0)
    #expect(try demand("factorize parameters=0.6 targets=*.query").outputChangeCount == 1)
  }

  @Test func armorTakesManyMatrices() throws {
    let step = try demand("sparsify method=armor targets=*.query", threads: 1).memoryByteCount
    #expect(step > (10 + 5) * 64 * 64 * 4 && step < 2 * (10 + 5) * 64 * 64 * 4 + 64 / 4 * 16 * 64)
  }

  @Test func aSearchKeepsItsCandidatesOnDisk() throws {
    let plan = try plan("allocate-bits max-kl=0.1 group=32 candidates=2,4,bf16 targets=*.query")
    let encodings = [2, 4].map {
      Encoding.grouped(GroupedEncoding(bits: $0, groupElementCount: 32, isSymmetric: false))
    }
    let shape = MatrixShape(outputCount: 64, inputCount: 64)
    // Two matrices; what is bf16 already is not stored again.
    let demand = plan.demand(threadCount: 2)
    #expect(demand.candidateByteCount == 2 * encodings.reduce(0) { $0 + $1.byteCount(of: shape) })
    #expect(demand.outputChangeCount == 4)
    #expect(demand.memoryByteCount > 64 * 64 * (4 + 3 * 4 + 2 * 8))
    let independent = try self.plan("allocate-bits max-kl=0.1 group=32 method=knapsack targets=*.query")
    #expect(independent.demand(threadCount: 2).outputChangeCount == 1)
  }

  /// What does for all steps does for each.
  @Test func aListTakesWhatItsMostDemandingStepTakes() throws {
    let model = try SyntheticModel().model()
    let steps = try PassStep.steps([
      "factorize parameters=0.5 targets=*.query", "quantize method=gptq bits=4 group=8 codes=trellis",
    ])
    let plan = try PassPlan(steps, on: ModelOutline(of: model))
    let whole = plan.demand(threadCount: 2)
    for step in plan.steps {
      let demand = step.demand(threadCount: 2)
      #expect(whole.memoryByteCount >= demand.memoryByteCount)
      #expect(demand.memoryByteCount > 0)
    }
    #expect(whole.outputChangeCount == 1)
  }
}
