import DecodeKernels
import Foundation
import ModelGraph
import Parallelism
import Testing

@testable import Execution

@Suite struct EncoderDecoderTests {
  private let golden: SwitchGolden

  init() throws { golden = try SwitchGolden() }

  @Test(arguments: InstructionSet.supported, [1, 2])
  func logitsAreThoseOfTransformers(instructionSet: InstructionSet, threadCount: Int) throws {
    let model = try SwitchModel(instructionSet: instructionSet, threadCount: threadCount)
    #expect(golden.target.count == 20)
    let error = largestDifference(try model.logits(golden.source, golden.target), golden.logits)
    #expect(error < 1e-4)
  }

  @Test func threadsDoNotMatter() throws {
    let one = try SwitchModel(threadCount: 1).logits(golden.source, golden.target)
    #expect(try SwitchModel(threadCount: 3).logits(golden.source, golden.target) == one)
  }

  /// Chunks cut the target; the source is always seen whole.
  @Test(arguments: [1, 7, 20]) func chunksDoNotMatter(chunkTokenCount: Int) throws {
    let found = try SwitchModel(chunkTokenCount: chunkTokenCount).logits(golden.source, golden.target)
    #expect(largestDifference(found, golden.logits) < 1e-4)
  }

  @Test func decodingWithTheCacheEqualsComputingAnew() throws {
    let model = try SwitchModel()
    let cache = try model.executor.makeCache()
    try model.executor.encode(golden.source, into: cache)
    for count in 1...golden.target.count {
      var last: [Float] = []
      try model.executor.forward([golden.target[count - 1]], cache: cache, logits: .last) { last = $1.array }
      let anew = try model.logits(golden.source, Array(golden.target[..<count]))
      #expect(largestDifference(last, Array(anew.suffix(512))) < 1e-5)
    }
    #expect(cache.length == 20 && cache.sourceLength == 48)
  }

  @Test func anotherSourceReplacesTheFirst() throws {
    let model = try SwitchModel()
    let cache = try model.executor.makeCache()
    let first = try model.logits(golden.source, golden.target, cache: cache)
    let other = try model.logits([4, 5, 6], golden.target, cache: cache)
    #expect(largestDifference(first, other) > 1e-3)
    #expect(try model.logits([4, 5, 6], golden.target) == other)
    // A reset begins another target from the same source.
    cache.reset()
    var again: [Float] = []
    try model.executor.forward(golden.target, cache: cache, logits: .all) { again += $1.array }
    #expect(again == other)
    #expect(try model.logits(golden.source, golden.target, cache: cache) == first)
  }

  /// What the decoder sees of the encoder does not depend on order alone: every source token reaches every position.
  @Test func theEncoderLooksBothWays() throws {
    let model = try SwitchModel()
    var changed = golden.source
    changed[47] = (changed[47] + 1) % 512
    let before = try model.logits(golden.source, [0]), after = try model.logits(changed, [0])
    #expect(largestDifference(before, after) > 1e-5)
  }

  @Test func greedyGenerationEqualsRecomputation() throws {
    let model = try SwitchModel()
    let cache = try model.executor.makeCache()
    try model.executor.encode(golden.source, into: cache)
    var ids: [Int] = []
    var sampler = Sampler(try SamplerOptions.greedy)
    let reason = try GenerationLoop(executor: model.executor, stopIDs: [], tokenCountLimit: 24).run(
      prompt: [0], cache: cache, sampler: &sampler
    ) {
      ids.append($0)
      return true
    }
    #expect(reason == .tokenLimit && ids.count == 24)
    var target = [0]
    for id in ids {
      let logits = try model.logits(golden.source, target).suffix(512)
      #expect(logits.firstIndex(of: try #require(logits.max())).map { $0 - logits.startIndex } == id)
      target.append(id)
    }
  }

  @Test func theObserverSeesSourceAndTarget() throws {
    final class Recorder: LinearObserver {
      var tokenCounts: [String: Int] = [:]
      var left: [String] = []
      func observe(_ name: String, input: Span<Float>, tokenCount: Int) { tokenCounts[name, default: 0] += tokenCount }
      func leave(_ block: Block) { left.append(block.name) }
    }
    let model = try SwitchModel(chunkTokenCount: 20), recorder = Recorder()
    let cache = try model.executor.makeCache()
    try model.executor.encode(golden.source, into: cache, observer: recorder)
    #expect(recorder.tokenCounts["decoder.layers.1.attention.cross_key"] == 48)
    #expect(recorder.tokenCounts["decoder.layers.1.attention.cross_query"] == nil)
    try model.executor.forward(golden.target, cache: cache, logits: .none, observer: recorder)
    #expect(recorder.tokenCounts["decoder.layers.1.attention.cross_key"] == 48)
    #expect(recorder.tokenCounts["decoder.layers.1.attention.cross_query"] == 20)
    #expect(recorder.tokenCounts["encoder.layers.1.mlp.router"] == 48)
    // One of four experts sees each token, and no expert turns one away.
    let routed = (0..<4).map { recorder.tokenCounts["encoder.layers.1.mlp.experts.\($0).up"] ?? 0 }
    #expect(routed.reduce(0, +) == 48)
    #expect(recorder.left == model.graph.blocks.map(\.name) + model.graph.blocks.map(\.name))
  }

  @Test func refusals() throws {
    let model = try SwitchModel()
    let cache = try model.executor.makeCache()
    #expect(throws: ExecutionError.source(isGiven: false)) {
      try model.executor.forward([0], cache: cache, logits: .last)
    }
    #expect(throws: ExecutionError.emptyPrompt) { try model.executor.encode([], into: cache) }
    #expect(throws: ExecutionError.tokenOutOfRange(id: 512, index: 1, vocabularyCount: 512)) {
      try model.executor.encode([3, 512], into: cache)
    }
    #expect(throws: ExecutionError.contextExceeded(tokenCount: 513, contextLength: 512)) {
      try model.executor.encode([Int](repeating: 3, count: 513), into: cache)
    }
    #expect(throws: ExecutionError.blockNotSeparable("encoder.layers.0")) { try model.executor.widths(ofBlock: 1) }
    // A cache with room for a short target takes a long source.
    let short = try model.executor.makeCache(contextLength: 2)
    try model.executor.encode(golden.source, into: short)
    try model.executor.forward([0, 1], cache: short, logits: .last)
    let decoder = try TinyModel("tiny/llama").executor
    #expect(throws: ExecutionError.source(isGiven: true)) { try decoder.encode([3], into: try decoder.makeCache()) }
  }

  @Test func graphsThatCannotRunAreRefused() throws {
    let model = try SwitchModel()
    let context = KernelContext(pool: WorkerPool(threadCount: 1))
    func executor(_ change: (inout String) -> Void) throws -> Executor {
      var text = model.graph.text
      change(&text)
      return try Executor(graph: try ModelGraph(parsing: text), operators: model, context: context)
    }
    #expect(throws: ExecutionError.unsupportedOperation(mnemonic: "attention", block: "decoder.layers.0")) {
      try executor { $0.replace("mask=causal", with: "mask=bidirectional") }
    }
    #expect(throws: ExecutionError.inputs(["source", "target", "third"])) {
      try executor {
        $0.replace("input %1 : ids[target]\n", with: "input %1 : ids[target]\ninput %2 : ids[third]\n")
        for value in (2...65).reversed() { $0.replace("%\(value) ", with: "%\(value + 1) ") }
        $0.replace("input %3", with: "input %2")
      }
    }
  }

  @Test func bucketsAreThoseOfT5() {
    // Both sides of 32 buckets: 16 of them, the first 8 for one distance each, the others begin here.
    let near = BucketedBias.buckets(count: 16, distanceLimit: 128)
    #expect((0..<16).map { near.firstIndex(of: $0) } == [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91])
    let causal = BucketedBias.buckets(count: 32, distanceLimit: 128)
    #expect(
      (16..<32).map { causal.firstIndex(of: $0) } == [
        16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113,
      ])
    #expect(causal.last == 31 && causal.count == 129)
    #expect(BucketedBias.buckets(count: 2, distanceLimit: 2) == [0, 1, 1])
  }
}

extension String {
  fileprivate mutating func replace(_ old: String, with new: String) { self = replacingOccurrences(of: old, with: new) }
}
