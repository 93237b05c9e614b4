import Calibration
import CheckpointImport
import CompressionPasses
import DecodeKernels
import Diagnostics
import Encodings
import Execution
import ModelGraph
import ModelIR
import Parallelism
import PassKit
import TensorCore
import TestSupport
import Testing

@Suite struct PruneExpertsTests {
  private static let context = KernelContext(pool: WorkerPool(threadCount: 2))
  private static let checkpoints = ["tiny/mixtral", "tiny/olmoe", "tiny/qwen2-moe", "tiny/qwen3-moe"]

  /// A sweep that says what it is told of routing, and of nothing else.
  private final class StatedUses: FixedCalibration {
    let scores: (Int, Int) -> Double
    private var next = 0

    /// - Parameter scores: by mixture and expert, what every sum comes to.
    init(_ scores: @escaping (Int, Int) -> Double) {
      self.scores = scores
      super.init()
    }

    override func restart(on model: Model) { next = 0 }

    override func mixtureUses(in block: Block, of model: Model) -> [MixtureUse] {
      block.mixtures.map { mixture in
        defer { next += 1 }
        return MixtureUse(
          router: mixture.router, tokenCount: 100,
          experts: (0..<mixture.expertCount).map { expert in
            var use = ExpertUse()
            use.outputSum = scores(next, expert)
            use.tokenCount = use.outputSum > 0 ? 1 : 0
            return use
          })
      }
    }
  }

  private func prune(
    _ texts: [String], _ model: Model, _ scores: @escaping (Int, Int) -> Double
  ) throws -> (model: Model, reports: [StepReport]) {
    let result = try PassManager(context: Self.context, store: MemoryStore(), calibration: StatedUses(scores))
      .run(PassStep.steps(texts), on: model)
    try result.model.verify()
    return result
  }

  private func logits(of model: Model, hiding experts: [Set<Int>]? = nil) throws -> [Float] {
    let operators = ModelOperators(model, context: Self.context)
    let executor = try Executor(
      graph: model.graph,
      operators: experts.map { RouterMask(operators, model.graph.mixtures.map(\.mixture), hidden: $0) } ?? operators,
      context: Self.context, chunkTokenCount: 8)
    let ids = (0..<13).map { $0 * 7 % model.graph.vocabularyCount }
    var logits: [Float] = []
    try executor.forward(ids, cache: executor.makeCache(), logits: .all) { _, row in
      for index in row.indices { logits.append(row[index]) }
    }
    return logits
  }

  /// What is left computes what the whole model does when its routers never choose the others.
  @Test(arguments: checkpoints)
  func isAModelThatNeverChoosesTheOthers(checkpoint: String) throws {
    let model = try Checkpoint.open(path: Fixtures.path(checkpoint)).model
    let mixtures = model.graph.mixtures.map(\.mixture)
    let count = mixtures[0].activeCount
    // Another choice in every layer, not in the order of the numbers.
    func score(_ mixture: Int, _ expert: Int) -> Double {
      Double((expert * 3 + mixture) % mixtures[mixture].expertCount + 1)
    }
    let result = try prune(["prune-experts count=\(count) protect-super-experts=false"], model, score)
    let kept = result.model.graph.mixtures.map(\.mixture)
    #expect(kept.allSatisfy { $0.expertCount == count && $0.activeCount == $0.expertCount })
    let hidden = zip(mixtures, kept).map { before, after in
      Set(0..<before.expertCount).subtracting((0..<after.expertCount).map(after.number))
    }
    #expect(hidden.allSatisfy { $0.count == mixtures[0].expertCount - count })
    let actual = try logits(of: result.model), expected = try logits(of: model, hiding: hidden)
    let largest = try #require(expected.map(abs).max())
    #expect(zip(actual, expected).allSatisfy { abs($0 - $1) <= 1e-5 * largest })
    #expect(try logits(of: model) != expected)
    // The text form keeps what is left, and the shared experts are all there.
    #expect(try ModelGraph(parsing: result.model.graph.text) == result.model.graph)
    #expect(result.model.graph.text.contains(" numbers="))
    let shared = { (model: Model) in model.graph.parameters.filter { $0.role == .sharedExpert } }
    #expect(shared(result.model) == shared(model))
    for mixture in kept {
      #expect(result.model.values[mixture.router]?.history.count == 1)
      #expect(result.model.bytes(mixture.down(0)) == model.bytes(mixture.down(0)))
    }
  }

  @Test func oneBudgetOverAllLayersFollowsTheScores() throws {
    let model = try Checkpoint.open(path: Fixtures.path("tiny/olmoe")).model
    let mixtures = model.graph.mixtures.map(\.mixture), count = mixtures[0].expertCount
    // In the first layer one expert does all, in the others all do the same.
    let result = try prune(["prune-experts share=0.5 scope=global protect-super-experts=false"], model) {
      $0 == 0 ? ($1 == 2 ? 1 : 0) : 1
    }
    let kept = result.model.graph.mixtures.map(\.mixture)
    #expect(kept[0].expertCount == mixtures[0].activeCount)
    #expect((0..<kept[0].expertCount).contains { kept[0].number($0) == 2 })
    #expect(kept.reduce(0) { $0 + $1.expertCount } == mixtures.count * count / 2)
    let scores = try #require(result.reports[0].tables.first { $0.title == "expert scores" })
    #expect(scores.rows.count == mixtures.count * count)
    #expect(scores.rows[0] == [.text("layers.0"), .number(0), .number(0), .number(0), scores.rows[0][4]])
    #expect(result.reports[0].notes.contains("no calibration token reached \(count - 1) of the experts"))
  }

  /// Only what loses experts is stored anew.
  @Test func mixturesThatKeepAllAreLeftAlone() throws {
    let model = try Checkpoint.open(path: Fixtures.path("tiny/olmoe")).model
    let mixtures = model.graph.mixtures.map(\.mixture)
    try #require(mixtures.count == 2 && (mixtures[0].expertCount + mixtures[0].activeCount) % 2 == 0)
    let count = (mixtures[0].expertCount + mixtures[0].activeCount) / 2
    let result = try prune(["prune-experts count=\(count) scope=global protect-super-experts=false"], model) {
      $0 == 0 ? ($1 == 2 ? 1 : 0) : 1
    }
    let kept = result.model.graph.mixtures.map(\.mixture)
    #expect(kept[0].expertCount == mixtures[0].activeCount && kept[1] == mixtures[1])
    #expect(kept.map { result.model.values[$0.router]?.history.count } == [1, 0])
  }

  @Test func aRouterTakenBeforeIsNamed() throws {
    let model = try Checkpoint.open(path: Fixtures.path("tiny/mixtral")).model
    let taken = "quantize bits=8 group=16 targets=*.mlp.router"
    for (step, advice) in [
      ("prune-experts share=0.5", "move this step before the one that took the router"),
      (
        "allocate-bits method=experts candidates=prune,2,4 group=16 bits-per-weight=4",
        "move this step before the one that took the router, or leave prune out of the candidates"
      ),
    ] {
      let failure = try #require(throws: StepFailure.self) {
        try PassPlan(PassStep.steps([taken, step]), on: ModelOutline(of: model))
      }
      #expect(failure.diagnosis.code == "passes.router-taken" && failure.diagnosis.fix == advice)
      #expect(failure.diagnosis.what.contains("router") && failure.diagnosis.place.contains("mlp.router"))
    }
  }

  @Test func composesWithStepsBeforeAndAfter() throws {
    let model = try Checkpoint.open(path: Fixtures.path("tiny/qwen3-moe")).model
    let whole = try prune(["quantize bits=4 group=16 embedding=0 head=0"], model) { _, _ in 1 }.model
    let experts = { (model: Model) in model.graph.parameters.filter { $0.role == .expert } }
    for steps in [["prune-experts share=0.5", "quantize bits=4 group=16 embedding=0 head=0"],
      ["quantize bits=4 group=16 embedding=0 head=0", "prune-experts share=0.5"]]
    {
      let result = try prune(steps, model) { _, expert in Double(expert) }
      #expect(experts(result.model).count * 2 == experts(model).count)
      // What is left is what it is without the other pass.
      for parameter in experts(result.model) {
        #expect(result.model.bytes(parameter.name) == whole.bytes(parameter.name))
      }
      #expect(try logits(of: result.model).allSatisfy(\.isFinite))
      let reports = result.reports
      #expect(reports[1].byteCountAfter == result.model.sizes.total.byteCount)
      #expect(reports[0].byteCountAfter == reports[1].byteCountBefore)
    }
    // Again, from what is left.
    let twice = try prune(["prune-experts share=0.75", "prune-experts share=0.5"], model) { Double($0 + $1) }
    let mixture = twice.model.graph.mixtures[0].mixture
    let expertCount = model.graph.mixtures[0].mixture.expertCount
    #expect(mixture.numbers == Array(expertCount - mixture.expertCount..<expertCount))
  }

  @Test(arguments: [
    ("tiny/mixtral", ["prune-experts count=1"], "passes.too-few-experts"),
    ("tiny/mixtral", ["prune-experts share=0"], "passes.too-few-experts"),
    ("tiny/mixtral", ["prune-experts share=1"], "passes.nothing-to-do"),
    ("tiny/mixtral", ["prune-experts count=999"], "passes.nothing-to-do"),
    ("tiny/llama", ["prune-experts share=0.5"], "passes.nothing-to-do"),
    (
      "tiny/mixtral", ["quantize bits=8 group=16 targets=*.mlp.router", "prune-experts share=0.5"],
      "passes.router-taken"
    ),
  ])
  func refusesWhatMakesNoSense(checkpoint: String, steps: [String], code: String) throws {
    let model = try Checkpoint.open(path: Fixtures.path(checkpoint)).model
    let failure = try #require(throws: StepFailure.self) {
      try PassPlan(PassStep.steps(steps), on: ModelOutline(of: model))
    }
    #expect(failure.diagnosis.code == code && failure.diagnosis.status == .usage && !failure.diagnosis.fix.isEmpty)
  }

  @Test(arguments: ["", " share=0.5 count=2", " share=1.5", " share=-1", " count=0"].map { "prune-experts" + $0 })
  func refusesBudgetsThatAreNone(text: String) {
    #expect(throws: (any Error).self) { try PassStep.steps([text]) }
  }

  @Test func aPlanIsABound() throws {
    let model = try Checkpoint.open(path: Fixtures.path("tiny/mixtral")).model
    let plan = try PassPlan(PassStep.steps(["prune-experts share=0.5"]), on: ModelOutline(of: model))
    let result = try prune(["prune-experts share=0.5"], model) { Double($0 + $1) }
    #expect(!plan.outline.isExact && plan.outline.sizes == result.model.sizes)
    let failure = try #require(throws: StepFailure.self) {
      try PassManager(context: Self.context, store: MemoryStore())
        .run(PassStep.steps(["prune-experts share=0.5"]), on: model)
    }
    #expect(failure.error == .needsCalibration)
  }
}

/// Operators whose routers give some experts a score of −∞.
private struct RouterMask: OperatorSource {
  private let inner: ModelOperators
  private let hidden: [String: Set<Int>]

  init(_ inner: ModelOperators, _ mixtures: [Mixture], hidden: [Set<Int>]) {
    self.inner = inner
    self.hidden = Dictionary(uniqueKeysWithValues: zip(mixtures.map(\.router), hidden))
  }

  func linear(_ name: String) throws -> any LinearOperator {
    let linear = try inner.linear(name)
    return hidden[name].map { MaskedRows(inner: linear, hidden: $0) } ?? linear
  }

  func vector(_ name: String) throws -> [Float] { try inner.vector(name) }
}

private struct MaskedRows: LinearOperator {
  let inner: any LinearOperator
  let hidden: Set<Int>

  var shape: MatrixShape { inner.shape }

  func apply(_ x: Span<Float>, tokenCount: Int, into y: inout MutableSpan<Float>) {
    inner.apply(x, tokenCount: tokenCount, into: &y)
    for token in 0..<tokenCount { for expert in hidden { y[token * shape.outputCount + expert] = -.infinity } }
  }

  func decodeRow(_ index: Int, into row: inout MutableSpan<Float>) { inner.decodeRow(index, into: &row) }
}
