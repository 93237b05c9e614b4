import DecodeKernels
import Execution
import ModelGraph
import Parallelism
import Testing

@Suite struct BlockTests {
  @Test(arguments: ["llama", "mistral-window", "qwen2-moe", "qwen3-moe"], [16, 256])
  func blocksInARowEqualOnePass(name: String, chunkTokenCount: Int) throws {
    let model = try TinyModel("tiny/" + name, chunkTokenCount: chunkTokenCount)
    let ids = try Golden("tiny/\(name)/golden.safetensors").ids
    let whole = try model.logits(ids)
    // Twice, the second time with the caches of the first.
    for _ in 0..<2 { #expect(try chained(model.executor, ids, nil) == whole) }
  }

  @Test func blocksCanBeRunOnTwoSequencesInTurn() throws {
    let executor = try TinyModel("tiny/llama").executor
    let ids = try Golden("tiny/llama/golden.safetensors").ids
    let first = try run(executor, 1, embed(executor, ids), ids.count)
    let other = try run(executor, 1, embed(executor, Array(ids.reversed())), ids.count)
    #expect(try run(executor, 1, embed(executor, ids), ids.count) == first)
    #expect(other != first)
  }

  @Test func theObserverSeesEveryLinearsInput() throws {
    let model = try TinyModel("tiny/qwen2-moe", chunkTokenCount: 16)
    let ids = try Golden("tiny/qwen2-moe/golden.safetensors").ids
    let blockwise = Recorder(), whole = Recorder()
    _ = try chained(model.executor, ids, blockwise)
    try model.executor.forward(
      ids, cache: try model.executor.makeCache(), logits: .all, observer: whole)
    #expect(blockwise.inputs == whole.inputs)
    let linears = model.checkpoint.graph.parameters.filter {
      $0.dimensions.count == 2 && !$0.name.contains("embed_tokens") && !$0.name.contains(".experts.")
    }
    for parameter in linears {
      let input = try #require(whole.inputs[parameter.name])
      #expect(input.count == ids.count * parameter.dimensions[1])
    }
    // Two of eight experts see each token.
    let routed = (0..<8).map { (whole.inputs["model.layers.0.mlp.experts.\($0).gate"] ?? []).count / 64 }
    #expect(routed.reduce(0, +) == 2 * ids.count)
    // One got none, and was not touched.
    #expect(routed.contains(0) && whole.inputs.keys.contains { $0.contains(".0.mlp.experts.3.") } == (routed[3] > 0))
    #expect(whole.inputs["model.layers.1.mlp.gate.weight"] == whole.inputs["model.layers.1.mlp.shared_expert.up"])
    let other = Recorder()
    try model.executor.forward(ids, cache: try model.executor.makeCache(), logits: .none, observer: other)
    #expect(other.inputs["lm_head.weight"] == nil)
  }

  @Test(arguments: ["llama", "qwen2-moe"]) func aBlockBoundAloneComputesTheSame(name: String) throws {
    let model = try TinyModel("tiny/" + name)
    let ids = try Golden("tiny/\(name)/golden.safetensors").ids
    let context = model.checkpoint.context
    let alone = try model.checkpoint.graph.blocks.indices.map { index in
      try Executor(
        graph: model.checkpoint.graph, operators: model.checkpoint, context: context, blocks: index..<index + 1)
    }
    var hidden = try embed(alone[0], ids)
    for index in 1..<alone.count - 1 { hidden = try run(alone[index], index, hidden, ids.count) }
    var logits: [Float] = []
    try alone[alone.count - 1].logits(ofHidden: hidden.span, tokenCount: ids.count) { logits += $1.array }
    #expect(try logits == model.logits(ids))
    let seen = Recorder(), whole = Recorder()
    try alone[alone.count - 1].observeLastBlock(onHidden: hidden.span, tokenCount: ids.count, observer: seen)
    try model.executor.logits(ofHidden: hidden.span, tokenCount: ids.count, observer: whole) { _, _ in }
    #expect(seen.inputs == whole.inputs && seen.inputs.count == 1)
  }

  @Test func aBlockWithTwoResultsIsNotSeparable() throws {
    let program = try SmallProgram(width: 8, tokenCount: 4) { x, writer, _ in
      let first = writer.add(Clamp(input: x, limit: 1))
      let second = writer.add(Activation(input: x, function: .relu))
      writer.block("second")
      return writer.add(Add(left: first, right: second))
    }
    #expect(throws: ExecutionError.blockNotSeparable("body")) { try program.executor.widths(ofBlock: 1) }
    #expect(throws: ExecutionError.blockNotSeparable("second")) { try program.executor.widths(ofBlock: 2) }
    #expect(try program.executor.widths(ofBlock: 0) == (nil, 8))
    #expect(try program.executor.widths(ofBlock: 3) == (8, nil))
  }

  @Test func aModelOfOneBlockHasNoLastBlockOfItsOwn() throws {
    let operators = FloatOperators(context: KernelContext(pool: WorkerPool(threadCount: 1)))
    operators.randomize("table", outputCount: 8, inputCount: 4, seed: 1)
    var writer = Writer()
    writer.block("all")
    let embedded = writer.add(Embed(ids: ValueID(0), table: "table", width: 4))
    let value = writer.add(Activation(input: embedded, function: .relu))
    _ = writer.add(Head(input: value, weight: "table", vocabularyCount: 8))
    let executor = try Executor(
      graph: writer.graph(vocabularyCount: 8, contextLength: 16), operators: operators, context: operators.context)
    let nothing: [Float] = []
    #expect(throws: ExecutionError.blockNotSeparable("all")) {
      try executor.observeLastBlock(onHidden: nothing.span, tokenCount: 3, observer: Recorder())
    }
    #expect(throws: ExecutionError.blockNotSeparable("all")) {
      try executor.logits(ofHidden: nothing.span, tokenCount: 3) { _, _ in }
    }
  }

  private func chained(_ executor: Executor, _ ids: [Int], _ observer: Recorder?) throws -> [Float] {
    var hidden = try embed(executor, ids)
    for index in 1..<executor.graph.blocks.count - 1 { hidden = try run(executor, index, hidden, ids.count, observer) }
    var logits: [Float] = []
    try executor.logits(ofHidden: hidden.span, tokenCount: ids.count, observer: observer) { position, row in
      let width = row.count
      #expect(logits.count == position * width)
      logits += row.array
    }
    return logits
  }

  private func embed(_ executor: Executor, _ ids: [Int]) throws -> [Float] {
    var hidden = [Float](repeating: 0, count: ids.count * (try executor.widths(ofBlock: 0).output ?? 0))
    var span = hidden.mutableSpan
    try executor.embed(ids, into: &span)
    return hidden
  }

  private func run(
    _ executor: Executor, _ index: Int, _ input: [Float], _ tokenCount: Int, _ observer: Recorder? = nil
  ) throws -> [Float] {
    var output = [Float](repeating: 0, count: tokenCount * (try executor.widths(ofBlock: index).output ?? 0))
    var span = output.mutableSpan
    try executor.runBlock(index, input: input.span, tokenCount: tokenCount, into: &span, observer: observer)
    return output
  }
}

/// Keeps every input of every linear map.
private final class Recorder: LinearObserver {
  var inputs: [String: [Float]] = [:]

  func observe(_ name: String, input: Span<Float>, tokenCount: Int) {
    let count = input.count
    #expect(tokenCount > 0 && count % tokenCount == 0)
    inputs[name, default: []] += input.array
  }
}
