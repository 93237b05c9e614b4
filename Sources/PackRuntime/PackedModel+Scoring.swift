import Execution
import TensorCore

extension PackedModel {
  /// The perplexity of a text, over consecutive windows.
  /// - Parameters:
  ///   - windowTokenCount: nil for 256, or the context where that is shorter.
  ///   - logitsPath: also write the logits of every token to this safetensors file.
  /// - Throws: `ScoringError` when there is nothing to score, `ExecutionError` for ids outside the vocabulary, `ByteIOError` when
  ///   the logits cannot be written.
  public func score(
    ids: [Int], tokenCountLimit: Int? = nil, windowTokenCount: Int? = nil, logitsPath: String? = nil, isReplacing: Bool = false,
    progress: (Double) -> Void = { _ in }
  ) throws -> ScoreReport {
    let plan = try windowPlan(ids: ids, tokenCountLimit: tokenCountLimit, windowTokenCount: windowTokenCount)
    let writer = try logitsPath.map {
      try LogitsFileWriter(
        path: $0, tokenCount: plan.readCount, vocabularyCount: graph.vocabularyCount, replacing: isReplacing)
    }
    let report = try Scoring(tokens: ids, plan: plan, pool: context.pool).run(
      ExecutorStream(executor, contextLength: plan.windowTokenCount), receive: { try writer?.append($0) }, progress: progress)
    try writer?.finish()
    return report
  }

  /// The windows that scoring and verification cut `ids` into.
  /// - Throws: `ScoringError`.
  public func windowPlan(ids: [Int], tokenCountLimit: Int?, windowTokenCount: Int?) throws -> WindowPlan {
    try WindowPlan(
      tokenCount: ids.count, windowTokenCount: windowTokenCount, contextLength: graph.contextLength,
      beginningOfSequence: tokenizer.flatMap { $0.tables.addsBeginningOfSequence ? $0.beginningID : nil },
      tokenCountLimit: tokenCountLimit)
  }
}
