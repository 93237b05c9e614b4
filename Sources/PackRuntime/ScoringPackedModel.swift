import Parallelism
import Tokenization

extension Tokenizer {
  /// The id that takes the first place of every window of text; nil where the tokenizer adds none.
  public var windowStartID: Int? { tables.addsBeginningOfSequence ? beginningID : nil }
}

extension PackedModel {
  /// Measures the perplexity of a text in consecutive windows.
  /// - Parameters:
  ///   - ids: the text's ids, nothing added.
  ///   - tokenCountLimit: use only so many of them, from the start.
  ///   - windowTokenCount: nil takes 256, or the model's context where that is shorter.
  ///   - beginningOfSequence: put before every window: the tokenizer's `windowStartID` where `ids` come from text.
  ///   - logitsPath: where to write the logits of every token read, replacing what is there; the file appears only whole.
  ///   - pool: measures the logits.
  ///   - progress: is told the share of the windows that are done.
  /// - Throws: `ScoringError`, `ExecutionError` when an id is not in the vocabulary, `ByteIOError` when the logits cannot be
  ///   written.
  public func score(
    ids: [Int], tokenCountLimit: Int? = nil, windowTokenCount: Int? = nil, beginningOfSequence: Int? = nil,
    logitsPath: String? = nil, pool: WorkerPool = WorkerPool(threadCount: 1), progress: (Double) -> Void = { _ in }
  ) throws -> ScoreReport {
    let plan = try WindowPlan(
      tokenCount: ids.count, windowTokenCount: windowTokenCount, contextLength: graph.contextLength,
      beginningOfSequence: beginningOfSequence, tokenCountLimit: tokenCountLimit)
    let writer = try logitsPath.map {
      try LogitsFileWriter(
        path: $0, tokenCount: plan.readCount, vocabularyCount: graph.vocabularyCount, replacing: true)
    }
    let stream = try ExecutorStream(executor, contextLength: plan.windowTokenCount)
    let report = try Scoring(tokens: ids, plan: plan, pool: pool).run(
      stream, receive: { try writer?.append($0) }, progress: progress)
    try writer?.finish()
    return report
  }
}
