import ModelGraph

/// Running a model block by block: the embedding, then each block on the output of the one before, then the logits.
///
/// Every call is one sequence that begins at position 0. Done for all blocks, it computes what ``Executor/forward`` does.
/// The blocks that are run must be bound.
extension Executor {
  /// Elements per token that block `index` of the graph reads and leaves; nil where it reads ids or leaves logits.
  /// - Throws: `ExecutionError.blockNotSeparable` when it reads or leaves anything else than one activation, or the model
  ///   reads a source.
  public func widths(ofBlock index: Int) throws(ExecutionError) -> (input: Int?, output: Int?) {
    let block = blocks[index]
    guard !readsSource else { throw .blockNotSeparable(block.name) }
    let isFirst = index == 0, isLast = index + 1 == blocks.count
    guard block.readsIDs == isFirst, block.inputs.count == (isFirst ? 0 : 1), block.outputs.count == (isLast ? 0 : 1)
    else { throw .blockNotSeparable(block.name) }
    return (block.inputs.first?.width, block.outputs.first?.width)
  }

  /// Runs the first block on `ids`.
  /// - Parameter output: (ids.count, width).
  /// - Throws: `ExecutionError`, and what the operators throw.
  public func embed(
    _ ids: [Int], into output: inout MutableSpan<Float>, observer: (any LinearObserver)? = nil
  ) throws {
    try requireInVocabulary(ids)
    let nothing: [Float] = []
    try runBlock(0, ids: ids, input: nothing.span, tokenCount: ids.count, into: &output, observer)
  }

  /// Runs block `index`, neither the first nor the last, on the activations of one sequence.
  /// - Parameters:
  ///   - input: (tokenCount, input width).
  ///   - output: (tokenCount, output width).
  /// - Throws: `ExecutionError`, and what the operators throw.
  public func runBlock(
    _ index: Int, input: Span<Float>, tokenCount: Int, into output: inout MutableSpan<Float>,
    observer: (any LinearObserver)? = nil
  ) throws {
    precondition(index > 0 && index + 1 < blocks.count)
    try runBlock(index, ids: [], input: input, tokenCount: tokenCount, into: &output, observer)
  }

  /// What block `index`, which is not the last, makes of one sequence: of its ids where it is the first, and of the
  /// activations that the block before it left elsewhere.
  /// - Parameter input: (ids.count, input width); not looked at by the first block.
  /// - Returns: (ids.count, output width).
  /// - Throws: `ExecutionError`, and what the operators throw.
  public func states(
    afterBlock index: Int, ids: [Int], input: [Float], observer: (any LinearObserver)? = nil
  ) throws -> [Float] {
    var results = [Float](repeating: 0, count: ids.count * (try widths(ofBlock: index).output ?? 0))
    var span = results.mutableSpan
    if index == 0 {
      try embed(ids, into: &span, observer: observer)
    } else {
      try runBlock(index, input: input.span, tokenCount: ids.count, into: &span, observer: observer)
    }
    return results
  }

  /// Runs the last block on the activations of one sequence and hands the logits of every token to `body`, in order.
  /// - Parameter input: (tokenCount, input width).
  /// - Throws: `ExecutionError`, and what the operators or `body` throw.
  public func logits(
    ofHidden input: Span<Float>, tokenCount: Int, observer: (any LinearObserver)? = nil,
    _ body: (_ position: Int, _ logits: Span<Float>) throws -> Void
  ) throws {
    guard let head else { preconditionFailure("the last block is not bound") }
    try forEachChunk(ofBlock: blocks.count - 1, ids: [], input, tokenCount, observer) { chunk in
      try head.run(in: frame, 0..<chunk.count) { try body(chunk.lowerBound + $0, $1) }
    }
  }

  /// Runs the last block on the activations of one sequence for the sake of `observer` alone: the head's input is shown
  /// to it, and no logits are computed.
  /// - Parameter input: (tokenCount, input width).
  /// - Throws: `ExecutionError`, and what the operators throw.
  public func observeLastBlock(
    onHidden input: Span<Float>, tokenCount: Int, observer: any LinearObserver
  ) throws {
    guard let head else { preconditionFailure("the last block is not bound") }
    try forEachChunk(ofBlock: blocks.count - 1, ids: [], input, tokenCount, observer) { _ in head.showInput(in: frame) }
  }

  private func runBlock(
    _ index: Int, ids: [Int], input: Span<Float>, tokenCount: Int, into output: inout MutableSpan<Float>,
    _ observer: (any LinearObserver)?
  ) throws {
    guard let width = try widths(ofBlock: index).output else {
      throw ExecutionError.blockNotSeparable(blocks[index].name)
    }
    precondition(output.count == tokenCount * width)
    try forEachChunk(ofBlock: index, ids: ids, input, tokenCount, observer) { chunk in
      blocks[index].outputs[0].read(chunk.count) { results in
        output.lend(chunk.lowerBound * width..<chunk.upperBound * width) { $0.copy(from: results) }
      }
    }
  }

  /// Runs one block chunk by chunk; `body` finds a chunk's results in the block's output.
  private func forEachChunk(
    ofBlock index: Int, ids: [Int], _ input: Span<Float>, _ tokenCount: Int, _ observer: (any LinearObserver)?,
    _ body: (Range<Int>) throws -> Void
  ) throws {
    precondition(boundRange.contains(index), "block \(index) is not bound")
    let width = try widths(ofBlock: index).input ?? 0
    // A block that is first and last reads ids that nobody who asks for the last block gives.
    guard !blocks[index].readsIDs || ids.count == tokenCount else {
      throw ExecutionError.blockNotSeparable(blocks[index].name)
    }
    precondition(input.count == tokenCount * width)
    guard tokenCount <= graph.contextLength else {
      throw ExecutionError.contextExceeded(tokenCount: tokenCount, contextLength: graph.contextLength)
    }
    let cache = emptyCache(forBlock: index)
    for start in stride(from: 0, to: tokenCount, by: chunkTokenCount) {
      let chunk = start..<min(tokenCount, start + chunkTokenCount)
      frame.begin(tokenCount: chunk.count, ids: ids.isEmpty ? [] : ids[chunk], cache: cache, observer: observer)
      defer { frame.end() }
      blocks[index].inputs.first?.update(chunk.count) {
        $0.copy(from: input.extracting(chunk.lowerBound * width..<chunk.upperBound * width))
      }
      try blocks[index].run(in: frame)
      try body(chunk)
      cache.advance(by: chunk.count)
    }
  }

  /// The same cache for one sequence of a block after another, with room for that block only.
  private func emptyCache(forBlock index: Int) -> KeyValueCache {
    if let blockCache, blockCache.index == index {
      blockCache.cache.reset()
      return blockCache.cache
    }
    let cache = KeyValueCache(contextLength: graph.contextLength, widths: cacheWidths, crossCount: crossCount)
    blockCache = (index, cache)
    return cache
  }
}
