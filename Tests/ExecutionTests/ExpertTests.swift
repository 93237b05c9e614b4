import DecodeKernels
import Execution
import ModelGraph
import Parallelism
import TensorCore
import Testing

@Suite struct ExpertTests {
  @Test func onlyExpertsWithTokensAreAskedForAndOncePerChunk() throws {
    let context = KernelContext(pool: WorkerPool(threadCount: 2))
    let source = CountingSource(base: try TinyCheckpoint("tiny/qwen3-moe", context: context))
    let executor = try Executor(graph: source.base.graph, operators: source, context: context)
    let cache = try executor.makeCache()
    try executor.forward([7], cache: cache, logits: .none)
    // Two layers, two active experts of eight.
    #expect(source.counts.calls.count == 4)
    source.counts.calls = []
    let ids = try Golden("tiny/qwen3-moe/golden.safetensors").ids
    cache.reset()
    try executor.forward(ids, cache: cache, logits: .none)
    #expect(Set(source.counts.calls).count == source.counts.calls.count)
    #expect(source.counts.calls.count <= 16)
  }

  @Test func expertsAreAnnouncedAsTheyAreThenUsed() throws {
    let context = KernelContext(pool: WorkerPool(threadCount: 2))
    let source = CountingSource(base: try TinyCheckpoint("tiny/qwen3-moe", context: context))
    let executor = try Executor(graph: source.base.graph, operators: source, context: context)
    try executor.forward([7, 300, 41], cache: executor.makeCache(), logits: .none)
    #expect(source.counts.announced.count == 2 && source.counts.announced.allSatisfy { $0 == $0.sorted() })
    let used = source.counts.calls.map { $0.split(separator: ".").dropLast().last.flatMap { Int($0) } }
    #expect(Array(source.counts.announced.joined()) == used)
  }

  @Test func aFailingExpertLeavesTheCacheAsItWas() throws {
    let context = KernelContext(pool: WorkerPool(threadCount: 2))
    let source = CountingSource(base: try TinyCheckpoint("tiny/qwen3-moe", context: context))
    let golden = try Golden("tiny/qwen3-moe/golden.safetensors")
    let executor = try Executor(graph: source.base.graph, operators: source, context: context)
    let cache = try executor.makeCache()
    try executor.forward(Array(golden.ids[..<20]), cache: cache, logits: .none)
    source.counts.failing = true
    #expect(throws: MissingParameter(name: "an expert")) {
      try executor.forward(Array(golden.ids[20...]), cache: cache, logits: .none)
    }
    #expect(cache.length == 20)
    source.counts.failing = false
    var last: [Float] = []
    try executor.forward(Array(golden.ids[20...]), cache: cache, logits: .last) { last = $1.array }
    #expect(largestDifference(last, Array(golden.logits.suffix(512))) < 1e-4)
  }

  @Test func anExpertOfAnotherShapeIsRefusedByName() throws {
    let context = KernelContext(pool: WorkerPool(threadCount: 1))
    let source = SwappedSource(base: try TinyCheckpoint("tiny/qwen3-moe", context: context))
    let executor = try Executor(graph: source.base.graph, operators: source, context: context)
    let cache = try executor.makeCache()
    #expect {
      try executor.forward([7], cache: cache, logits: .none)
    } throws: { error in
      guard case .parameterDimensions(let name, [32, 64], [64, 32])? = error as? ExecutionError else { return false }
      return name.hasPrefix("model.layers.0.mlp.experts.") && name.hasSuffix(".gate")
    }
  }
}

/// Binds experts when they are asked for, and counts.
private struct CountingSource: OperatorSource {
  final class Counts {
    var calls: [String] = []
    var announced: [[Int]] = []
    var failing = false
  }

  struct Experts: ExpertOperators {
    let source: CountingSource
    let mixture: Mixture

    func willUse(_ experts: [Int]) { source.counts.announced.append(experts) }

    func withExpert(_ index: Int, _ body: (GatedOperators) throws -> Void) throws {
      if source.counts.failing { throw MissingParameter(name: "an expert") }
      source.counts.calls.append(mixture.gate(index))
      try body(
        GatedOperators(
          gate: try source.linear(mixture.gate(index)), up: try source.linear(mixture.up(index)),
          down: try source.linear(mixture.down(index))))
    }
  }

  let base: TinyCheckpoint
  let counts = Counts()

  func linear(_ name: String) throws -> any LinearOperator { try base.linear(name) }
  func vector(_ name: String) throws -> [Float] { try base.vector(name) }
  func experts(of mixture: Mixture) throws -> any ExpertOperators { Experts(source: self, mixture: mixture) }
}

/// Gives the down matrix for the gate.
private struct SwappedSource: OperatorSource {
  let base: TinyCheckpoint

  func linear(_ name: String) throws -> any LinearOperator {
    try base.linear(name.hasSuffix(".gate") ? name.dropLast(4) + "down" : name)
  }

  func vector(_ name: String) throws -> [Float] { try base.vector(name) }
}
