import Calibration
import CheckpointImport
import CompressionPasses
import DecodeKernels
import Execution
import ModelGraph
import ModelIR
import Parallelism
import PassKit
import TestSupport
import Testing

@Suite struct SkipExpertsTests {
  private static let context = KernelContext(pool: WorkerPool(threadCount: 2))

  /// A sweep whose routers are as sure as stated.
  private final class StatedGates: FixedCalibration {
    let ratios: [Float]
    let norms: [Float]

    init(ratios: [Float], norms: [Float]) {
      self.ratios = ratios
      self.norms = norms
    }

    override func gateSamples(in block: Block, of model: Model) -> [GateSample] {
      block.mixtures.map { mixture in
        var sample = GateSample(router: mixture.router)
        sample.ratios = ratios
        sample.norms = norms
        return sample
      }
    }
  }

  private func model(_ checkpoint: String = "tiny/mixtral") throws -> Model {
    try Checkpoint.open(path: Fixtures.path(checkpoint)).model
  }

  private func run(_ text: String, on model: Model) throws -> (model: Model, reports: [StepReport]) {
    let calibration = StatedGates(
      ratios: (0..<100).map { Float($0 * 37 % 100) / 100 }, norms: (0..<100).map { Float($0 * 59 % 100) })
    return try PassManager(context: Self.context, store: MemoryStore(), calibration: calibration)
      .run(PassStep.steps([text]), on: model)
  }

  private func logits(_ model: Model, skipping: Bool) throws -> (rows: [Float], skips: ExpertSkips) {
    let executor = try Executor(
      graph: model.graph, operators: ModelOperators(model, context: Self.context), context: Self.context)
    executor.skipsExperts = skipping
    var rows: [Float] = []
    try executor.forward((0..<40).map { $0 * 7 % 90 }, cache: executor.makeCache(), logits: .all) { _, row in
      for index in row.indices { rows.append(row[index]) }
    }
    return (rows, executor.expertSkips)
  }

  @Test func thresholdsAreQuantiles() throws {
    let result = try run("skip-experts share=0.25 protect=0.1", on: model())
    for placed in result.model.graph.mixtures {
      #expect(placed.mixture.skipping == ExpertSkipping(ratio: 0.25, protectedNorm: 90))
    }
    let all = try run("skip-experts share=1 protect=0", on: model()).model.graph.mixtures
    #expect(all.allSatisfy { $0.mixture.skipping == ExpertSkipping(ratio: 0.99, protectedNorm: nil) })
    // 25 ratios are below a quarter; they belong to tokens of which some are protected.
    let table = try #require(result.reports[0].tables.first)
    let expected = (0..<100).count { $0 * 37 % 100 < 25 && $0 * 59 % 100 < 90 }
    #expect(table.rows[0][3] == .number(Double(expected) / 100))
  }

  @Test func nothingIsLeftOutUnlessAskedFor() throws {
    let before = try model()
    let after = try run("skip-experts share=0.9 protect=0", on: before).model
    try after.verify()
    #expect(try ModelGraph(parsing: after.graph.text) == after.graph)
    let whole = try logits(before, skipping: true), same = try logits(after, skipping: false)
    #expect(whole.rows == same.rows && whole.skips == ExpertSkips() && same.skips == ExpertSkips())
    let fewer = try logits(after, skipping: true)
    #expect(fewer.rows != same.rows && fewer.rows.allSatisfy(\.isFinite))
    #expect(fewer.skips.skippedCount > 0 && fewer.skips.choiceCount == 40 * after.graph.mixtures.count)
  }

  /// With a threshold of 1 nothing but a token's first expert is left, which is what a model with one active expert asks.
  @Test func theHighestThresholdLeavesOneExpert() throws {
    var one = try model(), most = one
    most.graph = one.graph.skippingExperts(one.graph.mixtures.map { _ in ExpertSkipping(ratio: 1, protectedNorm: nil) })
    one.graph = try ModelGraph(parsing: one.graph.text.replacing(" active=2 ", with: " active=1 "))
    #expect(try logits(most, skipping: true).rows == logits(one, skipping: false).rows)
    // A length that every input has protects all.
    most.graph = most.graph.skippingExperts(
      one.graph.mixtures.map { _ in ExpertSkipping(ratio: 1, protectedNorm: 0) })
    #expect(try logits(most, skipping: true).rows == logits(model(), skipping: false).rows)
  }

  /// Two figures of each token: as floats, twice and once more.
  @Test func samplesOfOneBlockCountAsMemory() throws {
    let plan = try PassPlan(PassStep.steps(["skip-experts"]), on: ModelOutline(of: model()))
    #expect(plan.demand(threadCount: 2) == WorkDemand(tokenByteCount: 3 * 4 * 2))
  }

  @Test(arguments: [
    ("prune-experts share=0.5", true),
    ("allocate-bits method=experts candidates=prune,2,4 group=16 bits-per-weight=4", true),
    ("allocate-bits method=experts candidates=2,4 group=16 bits-per-weight=4", false),
  ])
  func aPlanSaysWhereThresholdsGoStale(step: String, isStale: Bool) throws {
    for (steps, isNoted) in [(["skip-experts", step], isStale), ([step, "skip-experts"], false)] {
      let notes = try PassPlan(PassStep.steps(steps), on: ModelOutline(of: model())).steps.flatMap(\.notes)
      #expect(notes.contains { $0.contains("put skip-experts after this step") } == isNoted, "\(steps) \(notes)")
    }
  }

  @Test func anExpertTakenOutLaterLeavesTheThresholds() throws {
    let skipping = ExpertSkipping(ratio: 0.4, protectedNorm: 3)
    let graph = try model().graph
    let marked = graph.skippingExperts(graph.mixtures.map { _ in skipping })
    let smaller = marked.keepingExperts(marked.mixtures.map { _ in [0, 2] })
    #expect(smaller.mixtures.allSatisfy { $0.mixture.skipping == skipping && $0.mixture.expertCount == 2 })
  }

  @Test(arguments: ["tiny/llama"])
  func refusesModelsWithNothingToLeaveOut(checkpoint: String) throws {
    let model = try model(checkpoint)
    let failure = try #require(throws: StepFailure.self) {
      try PassPlan(PassStep.steps(["skip-experts"]), on: ModelOutline(of: model))
    }
    #expect(failure.diagnosis.code == "passes.nothing-to-do")
  }

  @Test(arguments: [
    ("skip_below=0.4", "skip_below=0.0"), ("skip_below=0.4", "skip_below=1.5"), ("skip_below=0.4", "skip_below=nan"),
    ("skip_below=0.4", "skip_below=.4"), ("protect_from=3.0", "protect_from=-1.0"),
    ("protect_from=3.0", "protect_from=inf"), ("skip_below=0.4 ", ""), ("skip_below=0.4", "skip_below=0.4 skip_below=0.4"),
  ])
  func thresholdsThatMakeNoSenseAreRefused(found: String, replacement: String) throws {
    let graph = try model().graph
    let text = graph.skippingExperts(graph.mixtures.map { _ in ExpertSkipping(ratio: 0.4, protectedNorm: 3) }).text
    #expect(text.contains(found))
    #expect(throws: GraphError.self) { try ModelGraph(parsing: text.replacing(found, with: replacement)).verify() }
  }
}
