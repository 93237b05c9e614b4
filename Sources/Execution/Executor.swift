import DecodeKernels
import ModelGraph

/// Runs a graph over abstract linear operators: the one forward pass of calibration, verification and the runtime.
///
/// Binding happens once. A pass cuts its tokens into chunks; the chunk length bounds the memory for activations, and none
/// is allocated in steady state. Results do not depend on the number of threads. One pass runs at a time.
public final class Executor {
  public let graph: ModelGraph
  /// Tokens computed at once.
  public let chunkTokenCount: Int

  let blocks: [BoundBlock]
  /// Numbers of the blocks that can be run.
  let boundRange: Range<Int>
  let frame: Frame
  let cacheWidths: [Int]
  /// Nil where the last block is not bound.
  let head: HeadStep?
  /// The cache of blocks that run alone, and the block it was last used for.
  var blockCache: (index: Int, cache: KeyValueCache)?

  /// Binds `graph` to `operators`.
  /// - Parameters:
  ///   - chunkTokenCount: at least 1.
  ///   - range: numbers of the blocks that will be run, each alone; nil for all, which ``forward`` takes.
  /// - Throws: `GraphError` when the graph does not verify, `ExecutionError` when it cannot be run or an operator has
  ///   another shape than the graph calls for, and what `operators` throws.
  public init(
    graph: ModelGraph, operators: any OperatorSource, context: KernelContext, chunkTokenCount: Int = 256,
    blocks range: Range<Int>? = nil
  ) throws {
    precondition(chunkTokenCount >= 1)
    boundRange = range ?? graph.blocks.indices
    try graph.verify()
    guard graph.inputs.count == 1 else { throw ExecutionError.inputCount(graph.inputs.count) }
    self.graph = graph
    self.chunkTokenCount = chunkTokenCount
    var binder = try Binder(graph, source: operators)
    let flows = BlockFlow.flows(of: graph)
    var bound: [BoundBlock] = []
    var head: HeadStep?
    for (index, block) in graph.blocks.enumerated() {
      let isBound = boundRange.contains(index)
      let inputs = flows[index].inputs.map { binder.room(for: $0) }
      if !isBound { binder.skip(block) }
      var steps: [any Step] = []
      for (number, statement) in block.statements.enumerated() where isBound {
        if let operation = statement.operation as? any ExecutableOperation {
          steps.append(try binder.bind(statement, operation))
        } else if let last = statement.operation as? Head, index + 1 == graph.blocks.count,
          number + 1 == block.statements.count
        {
          head = try HeadStep(last, &binder)
        } else {
          throw ExecutionError.unsupportedOperation(
            mnemonic: type(of: statement.operation).mnemonic, block: block.name)
        }
      }
      bound.append(
        BoundBlock(
          name: block.name, steps: steps, readsIDs: flows[index].readsIDs,
          inputs: inputs, outputs: flows[index].outputs.map { binder.room(for: $0) }))
    }
    if head == nil, boundRange.upperBound == graph.blocks.count {
      throw ExecutionError.unsupportedOperation(mnemonic: "", block: bound.last?.name ?? "")
    }
    self.head = head
    blocks = bound
    cacheWidths = binder.cacheWidths
    frame = Frame(context: context)
  }

  /// An empty cache for one sequence of at most `contextLength` tokens, by default as many as the model was made for.
  /// - Throws: `ExecutionError.contextOutOfRange`.
  public func makeCache(contextLength: Int? = nil) throws(ExecutionError) -> KeyValueCache {
    let contextLength = contextLength ?? graph.contextLength
    guard (1...graph.contextLength).contains(contextLength) else {
      throw .contextOutOfRange(requested: contextLength, limit: graph.contextLength)
    }
    return KeyValueCache(contextLength: contextLength, widths: cacheWidths)
  }

  /// Runs the tokens that follow those in `cache`, and appends them to it.
  ///
  /// When it throws, the chunks that were completed are in the cache.
  /// - Parameters:
  ///   - cache: one that this executor made.
  ///   - wanted: the tokens whose logits are computed.
  ///   - body: receives them in order, with the token's position in the sequence.
  /// - Throws: `ExecutionError` before anything is computed when an id is not in the vocabulary or the cache has no room
  ///   for all tokens; and what the operators or `body` throw.
  public func forward(
    _ ids: [Int], cache: KeyValueCache, logits wanted: LogitsWanted, observer: (any LinearObserver)? = nil,
    _ body: (_ position: Int, _ logits: Span<Float>) throws -> Void = { _, _ in }
  ) throws {
    precondition(boundRange == graph.blocks.indices && cache.widths == cacheWidths)
    guard let head else { preconditionFailure("all blocks are bound") }
    try requireInVocabulary(ids)
    guard ids.count <= cache.contextLength - cache.length else {
      throw ExecutionError.contextExceeded(tokenCount: cache.length + ids.count, contextLength: cache.contextLength)
    }
    for start in stride(from: 0, to: ids.count, by: chunkTokenCount) {
      let chunk = start..<min(ids.count, start + chunkTokenCount)
      frame.begin(tokenCount: chunk.count, ids: ids[chunk], cache: cache, observer: observer)
      defer { frame.end() }
      for block in blocks { try block.run(in: frame) }
      let position = cache.length
      try head.run(in: frame, wanted.rows(of: chunk, tokenCount: ids.count)) { try body(position + $0, $1) }
      cache.advance(by: chunk.count)
    }
  }

  func requireInVocabulary(_ ids: [Int]) throws(ExecutionError) {
    guard let index = ids.firstIndex(where: { !(0..<graph.vocabularyCount).contains($0) }) else { return }
    throw .tokenOutOfRange(id: ids[index], index: index, vocabularyCount: graph.vocabularyCount)
  }
}

/// Of which tokens of a pass the logits are computed.
public enum LogitsWanted: Sendable {
  case none
  case last
  case all

  /// The numbers, within `chunk` of a pass of `tokenCount` tokens, of the tokens wanted.
  func rows(of chunk: Range<Int>, tokenCount: Int) -> Range<Int> {
    switch self {
    case .none: 0..<0
    case .last: (chunk.upperBound == tokenCount ? chunk.count - 1 : chunk.count)..<chunk.count
    case .all: 0..<chunk.count
    }
  }
}
