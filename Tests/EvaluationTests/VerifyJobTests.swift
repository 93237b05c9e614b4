import Execution
import Foundation
import Metrics
import PackRuntime
import TensorCore
import Testing

@testable import Evaluation

@Suite struct VerifyJobTests {
  private static let tokens: [Int] = {
    var generator = SplitMix64(seed: 77)
    return (0..<200).map { _ in Int(generator.next() % UInt64(SmallModel.vocabularyCount)) }
  }()

  private func verify(_ compiled: SmallModel, window: Int = 16, limits: GateLimits = GateLimits()) throws
    -> VerifyReport
  {
    let plan = try WindowPlan(tokenCount: Self.tokens.count, windowTokenCount: window, contextLength: 64)
    return try VerifyJob(tokens: Self.tokens, plan: plan, pool: SmallModel.pool).run(
      original: SmallModel().executor(), compiled: compiled.executor(), subject: .sample, limits: limits)
  }

  @Test func aModelAgainstItselfShowsNoDifference() throws {
    let report = try verify(SmallModel())
    #expect(report.summary.count == 12 * 15)
    #expect(report.summary.perplexityRatio == ConfidenceInterval(estimate: 1, low: 1, high: 1))
    #expect(report.summary.meanDivergence.high == 0)
    #expect(report.summary.agreement.estimate == 1)
    #expect(report.blockErrors.map(\.block) == ["embedding", "layers.0", "layers.1"])
    #expect(report.blockErrors.allSatisfy { $0.relative == 0 })
  }

  @Test func figuresAreThoseOfTheDefinitions() throws {
    let compiled = SmallModel().disturbed(by: 0.1)
    let report = try verify(compiled)
    var originalLoss = 0.0, compiledLoss = 0.0, divergence = 0.0, agreements = 0, count = 0
    for start in stride(from: 0, through: Self.tokens.count - 16, by: 16) {
      let ids = Array(Self.tokens[start..<start + 16])
      let rows = (try probabilities(SmallModel(), ids), try probabilities(compiled, ids))
      for position in 0..<15 {
        let p = rows.0[position], q = rows.1[position], target = ids[position + 1]
        originalLoss -= log(p[target])
        compiledLoss -= log(q[target])
        divergence += zip(p, q).reduce(0) { $0 + $1.0 * log($1.0 / $1.1) }
        agreements += p.firstIndex(of: p.max()!) == q.firstIndex(of: q.max()!) ? 1 : 0
        count += 1
      }
    }
    let n = Double(count)
    #expect(report.summary.count == count)
    #expect(abs(report.summary.originalPerplexity - exp(originalLoss / n)) < 1e-7)
    #expect(abs(report.summary.compiledPerplexity - exp(compiledLoss / n)) < 1e-7)
    #expect(abs(report.summary.perplexityRatio.estimate - exp((compiledLoss - originalLoss) / n)) < 1e-9)
    #expect(abs(report.summary.meanDivergence.estimate - divergence / n) < 1e-9)
    #expect(report.summary.agreement.estimate == Double(agreements) / n)
    #expect(report.summary.meanDivergence.low < divergence / n && divergence / n < report.summary.meanDivergence.high)
    #expect(report.histogram.counts.reduce(0, +) == count)
  }

  @Test func theErrorOfABlockIsRelativeToTheOriginal() throws {
    var compiled = SmallModel()
    compiled.weights["embedding"] = compiled.weights["embedding"]?.map { $0 * 1.25 }
    let errors = try verify(compiled).blockErrors
    // Every operation is linear: a state that is a quarter too long stays so.
    #expect(errors.count == 3 && errors.allSatisfy { abs($0.relative - 0.25) < 1e-5 })
    var last = SmallModel()
    last.weights["layers.1.mix"] = last.weights["layers.1.mix"]?.map { _ in 0 }
    let changed = try verify(last).blockErrors
    #expect(changed[0].relative == 0 && changed[1].relative == 0 && changed[2].relative > 0.1)
  }

  @Test func aBlockThatWasDroppedIsPassedOver() throws {
    var original = SmallModel()
    original.weights["layers.0.mix"] = original.weights["layers.0.mix"]?.map { _ in 0 }
    var compiled = SmallModel(layers: ["layers.1"])
    compiled.weights = original.weights
    let errors = try BlockError.measure(
      original: original.executor(), compiled: compiled.executor(), on: [Array(Self.tokens[..<20])])
    #expect(errors == [BlockError(block: "embedding", relative: 0), BlockError(block: "layers.1", relative: 0)])
  }

  @Test func gatesHoldTheEstimateAgainstTheLimit() throws {
    let compiled = SmallModel().disturbed(by: 0.1)
    let measured = try verify(compiled).summary
    let exact = GateLimits(
      maxPerplexityIncrease: measured.perplexityRatio.estimate - 1, maxKLDivergence: measured.meanDivergence.estimate,
      minAgreement: measured.agreement.estimate)
    let met = try verify(compiled, limits: exact)
    #expect(met.gates.map(\.gate) == [.maxPerplexityIncrease, .maxKLDivergence, .minAgreement])
    #expect(met.gatesMet)
    for limits in [
      GateLimits(maxPerplexityIncrease: measured.perplexityRatio.estimate - 1 - 1e-9),
      GateLimits(maxKLDivergence: measured.meanDivergence.estimate * (1 - 1e-9)),
      GateLimits(minAgreement: measured.agreement.estimate + 1e-9),
    ] {
      let report = try verify(compiled, limits: limits)
      #expect(!report.gatesMet && report.gates.count == 1)
    }
    #expect(try verify(compiled).gates.isEmpty)
    let undefined = ConfidenceInterval(estimate: .nan, low: .nan, high: .nan)
    #expect(!GateResult(gate: .maxKLDivergence, limit: 1, measured: undefined).met)
    #expect(!GateResult(gate: .minAgreement, limit: 0, measured: undefined).met)
  }

  @Test func differentVocabulariesAreRefused() throws {
    struct Short: LogitStream {
      var vocabularyCount: Int
      func restart() {}
      func read(_ ids: [Int], _ body: (Span<Float>) throws -> Void) throws {}
    }
    let plan = try WindowPlan(tokenCount: 4, windowTokenCount: nil, contextLength: 8)
    #expect(throws: ScoringError.unmeasurable(.rowLengthsDiffer(original: 3, compiled: 5))) {
      try LockstepComparison(tokens: [0, 1, 2, 0], plan: plan, pool: SmallModel.pool).run(
        original: Short(vocabularyCount: 3), compiled: Short(vocabularyCount: 5))
    }
  }

  @Test func progressCanEndARun() throws {
    struct Interrupted: Error {}
    struct Zeros: LogitStream {
      let vocabularyCount = 3
      func restart() {}
      func read(_ ids: [Int], _ body: (Span<Float>) throws -> Void) throws {
        for _ in ids { try body([0, 0, 0].span) }
      }
    }
    let plan = try WindowPlan(tokenCount: 6, windowTokenCount: 2, contextLength: 8)
    var calls = 0
    #expect(throws: Interrupted.self) {
      try LockstepComparison(tokens: [0, 1, 2, 0, 1, 2], plan: plan, pool: SmallModel.pool).run(
        original: Zeros(), compiled: Zeros()
      ) { _ in
        calls += 1
        throw Interrupted()
      }
    }
    #expect(calls == 1)
  }

  /// Softmax of every row, in double precision.
  private func probabilities(_ model: SmallModel, _ ids: [Int]) throws -> [[Double]] {
    let executor = try model.executor()
    var rows: [[Double]] = []
    try executor.forward(ids, cache: executor.makeCache(), logits: .all) { _, logits in
      let powers = logits.indices.map { exp(Double(logits[$0])) }
      let sum = powers.reduce(0, +)
      rows.append(powers.map { $0 / sum })
    }
    return rows
  }
}

extension VerifySubject {
  static let sample = VerifySubject(
    packName: "novelist.swage", checkpointName: "novelist-dense", textName: "eval.txt", architecture: "llama",
    parameterCount: 8_400_000, fileByteCount: 4_711_424, originalByteCount: 16_900_000, bitsPerWeight: 4.487,
    bitsPerWeightByRole: [("embedding", 8.25), ("attention", 4.5), ("mlp", 4.5), ("norm", 16)],
    passList: "version: 1\npasses:\n  - quantize: { bits: 4, group: 64 }\n", toolVersion: "0.1.0",
    sources: [("config.json", "00ff"), ("model.safetensors", "a1b2")])
}
