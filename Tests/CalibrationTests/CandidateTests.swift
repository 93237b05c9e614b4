@testable import Calibration
import CheckpointImport
import DecodeKernels
import Encodings
import Execution
import Metrics
import ModelGraph
import ModelIR
import PassKit
import TensorCore
import TestSupport
import Testing

@Suite struct CandidateTests {
  /// Windows of real text, so that the novelist's distributions are those it was trained for.
  static func novelist() throws -> (fixture: Fixture, windows: [[Int]]) {
    let fixture = try Fixture("models/novelist-dense")
    let text = try CalibrationText(path: Fixtures.path("texts/calibration.txt"), for: fixture.model)
    let sample = try CalibrationSample(of: text, sequenceCount: 1, length: 64, seed: 1, contextLength: 1_024)
    return (fixture, Array(sample.heldOut.prefix(6)))
  }

  static func evaluation(_ fixture: Fixture, _ windows: [[Int]], spare: Int? = nil, threads: Int = 2) throws
    -> HeldOutEvaluation
  {
    HeldOutEvaluation(
      original: fixture.model, windows: windows, context: Fixture.context(threads: threads),
      budget: try fixture.budget(spare: spare))
  }

  @Test func theOriginalIsAsGoodAsItself() throws {
    let (fixture, windows) = try Self.novelist()
    let accuracy = try Self.evaluation(fixture, windows).accuracy(of: fixture.model)
    #expect(accuracy.perplexityRatio == 1 && accuracy.divergence == 0 && accuracy.agreement == 1)
    #expect(accuracy.tokenCount == 6 * 63)
  }

  @Test func figuresAreThoseOfTwoForwardPasses() throws {
    let (fixture, windows) = try Self.novelist()
    let candidate = fixture.model.disturbed(0.1) { $0.hasPrefix("layers.") }
    let changed = try Executor(
      graph: candidate.graph, operators: ModelOperators(candidate, context: Fixture.context()),
      context: Fixture.context())
    var pairs = PairedAccumulator()
    for ids in windows {
      pairs.beginWindow()
      let expected = try fixture.logits(ids)
      try changed.forward(ids, cache: changed.makeCache(), logits: .all) { position, row in
        guard position + 1 < ids.count else { return }
        let original = expected[position]
        pairs.add(
          try LogitRow.compare(
            original: original.span, compiled: row, target: ids[position + 1], position: position))
      }
    }
    let means = pairs.means
    let accuracy = try Self.evaluation(fixture, windows).accuracy(of: candidate)
    #expect(accuracy.divergence == means.divergence.mean && accuracy.divergence > 0.001)
    #expect(accuracy.agreement == means.agreement.mean && accuracy.divergenceError == means.divergence.standardError)
    #expect(abs(accuracy.perplexityRatio - means.lossChange.exponential.mean) < 1e-12)
    #expect(accuracy.divergenceError > 0 && accuracy.divergenceError < accuracy.divergence)
    // Neither memory nor threads matter.
    #expect(try Self.evaluation(fixture, windows, spare: 0, threads: 1).accuracy(of: candidate) == accuracy)
  }

  @Test func aCandidateThatIsNotANumberIsInfinitelyFar() throws {
    let fixture = try Fixture("tiny/llama")
    var broken = fixture.model
    let count = fixture.model.graph.vocabularyCount * fixture.model.graph.parameters[0].dimensions[1]
    let weights = [Float](repeating: .nan, count: count)
    broken.values["head"] = ParameterValue(
      encoding: .dense(.f32), storage: InMemoryBytes(DenseCodec.encode(weights.span, as: .f32)))
    let evaluation = try Self.evaluation(fixture, fixture.sequences)
    let accuracy = try evaluation.accuracy(of: broken)
    #expect(accuracy.divergence == .infinity && accuracy.perplexityRatio == .infinity && accuracy.agreement == 0)
    #expect(try evaluation.accuracy(of: fixture.model).divergence == 0)
    let other = HeldOutEvaluation(
      original: broken, windows: fixture.sequences, context: Fixture.context(), budget: try fixture.budget())
    #expect(throws: CalibrationError.originalNotFinite(window: 0, position: 0)) {
      try other.accuracy(of: fixture.model)
    }
  }

  @Test func halfTheSquaredLengthIsTheDivergence() throws {
    let (fixture, windows) = try Self.novelist()
    let sample = Array(windows.prefix(4))
    let evaluation = try Self.evaluation(fixture, sample)
    for (block, name) in [(1, "layers.0.mlp.down"), (5, "layers.4.attention."), (9, "head")] {
      let candidate = fixture.model.disturbed(0.02) { $0.hasPrefix(name) }
      let change = try evaluation.outputChange(of: candidate, from: fixture.model, firstChangedBlock: block)
      let half = change.reduce(0.0) { $0 + Double($1) * Double($1) } / 2
      let divergence = try evaluation.accuracy(of: candidate).divergence
      #expect(abs(half / divergence - 1) < 0.1, "\(name): \(half) against \(divergence)")
    }
  }

  @Test func dotProductsGiveTheInterLayerTerm() throws {
    let (fixture, windows) = try Self.novelist()
    let evaluation = try Self.evaluation(fixture, windows)
    func change(_ model: Model, _ block: Int) throws -> [Float] {
      try evaluation.outputChange(of: model, from: fixture.model, firstChangedBlock: block)
    }
    let names = ["layers.1.mlp.down", "layers.3.mlp.down"]
    let one = fixture.model.disturbed(0.02) { $0 == names[0] }, other = fixture.model.disturbed(0.02) { $0 == names[1] }
    var both = one
    both.values[names[1]] = other.values[names[1]]
    let (a, b, sum) = (try change(one, 2), try change(other, 4), try change(both, 2))
    func dot(_ x: [Float], _ y: [Float]) -> Double { zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
    // |a + b|² = |a|² + |b|² + 2·a·b, and the change of both is the sum of the changes to first order.
    let predicted = dot(a, a) + dot(b, b) + 2 * dot(a, b)
    #expect(abs(dot(sum, sum) / predicted - 1) < 0.05)
  }

  @Test func aChangeFromAnotherReferenceIsNotMixedUp() throws {
    let (fixture, windows) = try Self.novelist()
    let evaluation = try Self.evaluation(fixture, Array(windows.prefix(2)))
    let other = fixture.model.disturbed(0.05) { $0.hasPrefix("layers.2.") }
    let candidate = other.disturbed(0.05, seed: 9) { $0 == "layers.5.mlp.up" }
    let near = try evaluation.outputChange(of: candidate, from: other, firstChangedBlock: 6)
    let far = try evaluation.outputChange(of: candidate, from: fixture.model, firstChangedBlock: 3)
    #expect(try evaluation.outputChange(of: candidate, from: other, firstChangedBlock: 6) == near)
    #expect(try evaluation.outputChange(of: other, from: other, firstChangedBlock: 1).allSatisfy { $0 == 0 })
    #expect(near != far)
  }

  @Test func changesKeepDotProductsWithManyTokens() {
    // 4096 equally likely tokens: nearly everything is folded.
    let width = 4_096
    var random = SplitMix64(seed: 2)
    var exact = 0.0, folded = 0.0
    for position in 0..<64 {
      let base = (0..<width).map { _ in random.nextUnitFloat() * 0.1 }
      let moved = base.map { $0 + (random.nextUnitFloat() - 0.5) * 0.02 }
      let change = FisherCoordinates.change(from: base.span, to: moved.span, position: position, scale: 1)
      #expect(change.count == FisherCoordinates.count)
      folded += change.reduce(0.0) { $0 + Double($1) * Double($1) } / 2
      let row = try? LogitRow.compare(original: base.span, compiled: moved.span, target: 0, position: 0)
      exact += row?.divergence ?? .nan
    }
    // 64 · 16 coordinates estimate a variance: a standard error of √(2 / 1024), 4.4 %.
    #expect(abs(folded / exact - 1) < 0.15)
  }
}
