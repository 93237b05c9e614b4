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
  let crossCount: Int
  /// Nil where the last block is not bound.
  let head: HeadStep?
  /// The cache of blocks that run alone, and the block it was last used for.
  var blockCache: (index: Int, cache: KeyValueCache)?

  /// Whether mixtures that carry thresholds leave out experts by them (``ModelGraph/ExpertSkipping``). Off at first.
  public var skipsExperts: Bool {
    get { frame.skipsExperts }
    set { frame.skipsExperts = newValue }
  }

  /// What was left out so far.
  public var expertSkips: ExpertSkips { frame.routing.skips }

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
    guard Set(graph.inputs.map(\.sequence)).count == graph.inputs.count, graph.inputs.count <= 2 else {
      throw ExecutionError.inputs(graph.inputs.map(\.sequence))
    }
    self.graph = graph
    self.chunkTokenCount = chunkTokenCount
    var binder = try Binder(graph, source: operators)
    let flows = BlockFlow.flows(of: graph)
    var bound: [BoundBlock] = []
    var head: HeadStep?
    for (index, block) in graph.blocks.enumerated() {
      let isBound = boundRange.contains(index)
      binder.blockName = block.name
      let inputs = flows[index].inputs.map { binder.room(for: $0) }
      if !isBound { binder.skip(block) }
      for (number, statement) in block.statements.enumerated() where isBound {
        if let operation = statement.operation as? any ExecutableOperation {
          try binder.bind(statement, operation)
        } else if let last = statement.operation as? Head, index + 1 == graph.blocks.count,
          number + 1 == block.statements.count, !binder.isOfSource(last.input)
        {
          head = try HeadStep(last, &binder)
        } else {
          throw ExecutionError.unsupportedOperation(
            mnemonic: type(of: statement.operation).mnemonic, block: block.name)
        }
      }
      let steps = binder.takeSteps()
      bound.append(
        BoundBlock(
          name: block.name, sourceSteps: steps.source, steps: steps.other, readsIDs: flows[index].readsIDs,
          inputs: inputs, outputs: flows[index].outputs.map { binder.room(for: $0) }))
    }
    if head == nil, boundRange.upperBound == graph.blocks.count {
      throw ExecutionError.unsupportedOperation(mnemonic: "", block: bound.last?.name ?? "")
    }
    self.head = head
    blocks = bound
    cacheWidths = binder.cacheWidths
    crossCount = binder.crossCount
    frame = Frame(context: context)
  }

  /// An empty cache for one sequence of at most `contextLength` tokens, by default as many as the model was made for.
  /// - Throws: `ExecutionError.contextOutOfRange`.
  public func makeCache(contextLength: Int? = nil) throws(ExecutionError) -> KeyValueCache {
    let contextLength = contextLength ?? graph.contextLength
    guard (1...graph.contextLength).contains(contextLength) else {
      throw .contextOutOfRange(requested: contextLength, limit: graph.contextLength)
    }
    return KeyValueCache(contextLength: contextLength, widths: cacheWidths, crossCount: crossCount)
  }

  /// Whether a source is read, with ``encode``, before ``forward``.
  public var readsSource: Bool { graph.sourceSequence != nil }

  /// Runs the source, whole, and keeps what the other sequence looks at of it in `cache`, whose tokens are forgotten.
  /// - Parameter cache: one that this executor made.
  /// - Throws: `ExecutionError` before anything is computed when the model reads no source, there are no ids, one is not
  ///   in the vocabulary, or there are more than the model was made for; and what the operators throw.
  public func encode(_ ids: [Int], into cache: KeyValueCache, observer: (any LinearObserver)? = nil) throws {
    precondition(boundRange == graph.blocks.indices && cache.widths == cacheWidths)
    guard readsSource else { throw ExecutionError.source(isGiven: true) }
    guard !ids.isEmpty else { throw ExecutionError.emptyPrompt }
    try requireInVocabulary(ids)
    guard ids.count <= graph.contextLength else {
      throw ExecutionError.contextExceeded(tokenCount: ids.count, contextLength: graph.contextLength)
    }
    cache.beginSource(tokenCount: ids.count)
    frame.begin(tokenCount: ids.count, ids: ids[...], cache: cache, observer: observer)
    defer { frame.end() }
    for (index, block) in blocks.enumerated() {
      try block.runSource(in: frame)
      observer?.leave(graph.blocks[index])
    }
  }

  /// Runs the tokens that follow those in `cache`, and appends them to it.
  ///
  /// When it throws, the chunks that were completed are in the cache.
  /// - Parameters:
  ///   - cache: one that this executor made.
  ///   - wanted: the tokens whose logits are computed.
  ///   - body: receives them in order, with the token's position in the sequence.
  /// - Throws: `ExecutionError` before anything is computed when an id is not in the vocabulary, the cache has no room
  ///   for all tokens or lacks the source that the model reads; and what the operators or `body` throw.
  public func forward(
    _ ids: [Int], cache: KeyValueCache, logits wanted: LogitsWanted, observer: (any LinearObserver)? = nil,
    _ body: (_ position: Int, _ logits: Span<Float>) throws -> Void = { _, _ in }
  ) throws {
    precondition(boundRange == graph.blocks.indices && cache.widths == cacheWidths)
    guard !readsSource || cache.sourceLength > 0 else { throw ExecutionError.source(isGiven: false) }
    guard let head else { preconditionFailure("all blocks are bound") }
    try requireInVocabulary(ids)
    guard ids.count <= cache.contextLength - cache.length else {
      throw ExecutionError.contextExceeded(tokenCount: cache.length + ids.count, contextLength: cache.contextLength)
    }
    for start in stride(from: 0, to: ids.count, by: chunkTokenCount) {
      let chunk = start..<min(ids.count, start + chunkTokenCount)
      frame.begin(tokenCount: chunk.count, ids: ids[chunk], cache: cache, observer: observer)
      defer { frame.end() }
      for (index, block) in blocks.enumerated() {
        try block.run(in: frame)
        observer?.leave(graph.blocks[index])
      }
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
