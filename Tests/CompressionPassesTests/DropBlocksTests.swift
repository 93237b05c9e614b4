import Calibration
import CheckpointImport
import CompressionPasses
import DecodeKernels
import Execution
import ModelGraph
import ModelIR
import Parallelism
import PassKit
import TensorCore
import TestSupport
import Testing

@Suite struct DropBlocksTests {
  private static let context = KernelContext(pool: WorkerPool(threadCount: 2))

  private func run(
    _ text: String, on model: Model, influences: [String: Double]
  ) throws -> (model: Model, report: StepReport) {
    let result = try PassManager(
      context: Self.context, store: MemoryStore(), calibration: FixedCalibration(influences: influences)
    ).run(PassStep.steps([text]), on: model)
    return (result.model, result.reports[0])
  }

  private func executor(_ model: Model) throws -> Executor {
    try Executor(
      graph: model.graph, operators: ModelOperators(model, context: Self.context), context: Self.context,
      chunkTokenCount: 8)
  }

  /// Logits of a few tokens, each block after the other, without those named.
  private func logits(of model: Model, skipping: Set<String> = []) throws -> [Float] {
    let executor = try executor(model)
    let ids = (0..<11).map { $0 * 7 % model.graph.vocabularyCount }
    var states: [Float] = []
    for index in model.graph.blocks.indices.dropLast() where !skipping.contains(model.graph.blocks[index].name) {
      var next = [Float](repeating: 0, count: ids.count * (try executor.widths(ofBlock: index).output ?? 0))
      var span = next.mutableSpan
      if index == 0 {
        try executor.embed(ids, into: &span)
      } else {
        try executor.runBlock(index, input: states.span, tokenCount: ids.count, into: &span)
      }
      states = next
    }
    var logits: [Float] = []
    try executor.logits(ofHidden: states.span, tokenCount: ids.count) { _, row in
      for index in row.indices { logits.append(row[index]) }
    }
    return logits
  }

  private static let checkpoints =
    ["llama", "llama3-rope", "mistral-window", "mixtral", "olmoe", "qwen2", "qwen2-moe", "qwen3", "qwen3-moe"].map {
      "tiny/\($0)"
    } + ["models/novelist-dense", "models/novelist-moe"]

  @Test(arguments: checkpoints)
  func whatIsLeftRunsAsIfTheBlocksWereSkipped(checkpoint: String) throws {
    let model = try Checkpoint.open(path: Fixtures.path(checkpoint)).model
    let layers = model.graph.blocks.map(\.name).filter { $0.hasPrefix("layers.") }
    #expect(model.graph.removableBlocks.map { model.graph.blocks[$0].name } == layers)
    for dropped in [[layers[0]], [layers[layers.count - 1]], Array(layers.dropLast())] {
      let result = try run(
        "drop-blocks count=\(dropped.count)", on: model,
        influences: Dictionary(uniqueKeysWithValues: dropped.map { ($0, 0.1) }))
      let graph = result.model.graph
      #expect(graph.blocks.map(\.name) == model.graph.blocks.map(\.name).filter { !dropped.contains($0) })
      // Gone with their parameters, and nothing else is.
      #expect(
        graph.parameters
          == model.graph.parameters.filter { parameter in !dropped.contains { parameter.name.hasPrefix($0 + ".") } })
      #expect(try ModelGraph(parsing: graph.text) == graph)
      let dropping = model.sizes.total.byteCount - result.model.sizes.total.byteCount
      #expect(result.report.byteCountBefore - result.report.byteCountAfter == dropping && dropping > 0)
      let expected = try logits(of: model, skipping: Set(dropped)), actual = try logits(of: result.model)
      #expect(expected == actual && expected.contains { $0 != 0 })
      #expect(try logits(of: model) != actual)
    }
  }

  @Test func theLeastInfluentialGo() throws {
    let model = try Checkpoint.open(path: Fixtures.path("models/novelist-dense")).model
    let influences = ["layers.1": 0.2, "layers.2": 0.05, "layers.3": 0.3, "layers.5": 0.01]
    let result = try run("drop-blocks count=2", on: model, influences: influences)
    let names = Set(result.model.graph.blocks.map(\.name))
    #expect(!names.contains("layers.2") && !names.contains("layers.5") && names.contains("layers.1"))
    #expect(result.report.notes == ["dropped layers.2, layers.5"])
    let table = try #require(result.report.tables.first)
    #expect(table.rows.count == model.graph.removableBlocks.count && table.rows[0][0] == .text("layers.5"))
    // Of equals the later one.
    let last = try run("drop-blocks count=1", on: model, influences: [:])
    #expect(last.report.notes == ["dropped layers.\(table.rows.count - 1)"])
  }

  @Test func aPlanDropsTheLastOnesAndSaysItIsABound() throws {
    let model = try SyntheticModel().model()
    let plan = try PassPlan(PassStep.steps(["drop-blocks count=1", "cast type=f32"]), on: ModelOutline(of: model))
    #expect(plan.outline.graph.blocks.map(\.name) == ["embedding", "layers.0", "head"] && !plan.outline.isExact)
    for count in [2, 3, 1_000_000] {
      let failure = try #require(throws: StepFailure.self) {
        try PassPlan(PassStep.steps(["drop-blocks count=\(count)"]), on: ModelOutline(of: model))
      }
      #expect(failure.diagnosis.code == "passes.nothing-to-do" && failure.diagnosis.fix.contains("at most 1"))
    }
  }

  @Test func laterStepsSeeWhatIsLeft() throws {
    let model = try SyntheticModel().model()
    let steps = try PassStep.steps(["drop-blocks count=1", "quantize group=32"])
    let calibration = FixedCalibration(influences: ["layers.0": 0.1])
    let result = try PassManager(context: Self.context, store: MemoryStore(), calibration: calibration)
      .run(steps, on: model)
    #expect(calibration.visited == ["embedding", "layers.0", "layers.1", "head"])
    #expect(result.model.graph.blocks.map(\.name) == ["embedding", "layers.1", "head"])
    #expect(result.model.values["layers.1.mlp.experts.0.up"]?.encoding.isDense == false)
    try result.model.verify()
  }
}
