import Execution
import TensorCore

extension PackedModel {
  /// The perplexity of a text, over consecutive windows.
  /// - Parameters:
  ///   - source: what the encoder of an encoder–decoder reads; the ids are then its decoder's, exactly as they are.
  ///   - isText: whether the ids are those of a text, so that windows begin with what the tokenizer puts before one.
  ///   - windowTokenCount: nil for 256, or the context where that is shorter.
  ///   - logitsPath: also write the logits of every token to this safetensors file.
  /// - Throws: `ScoringError` when there is nothing to score, `ExecutionError` for ids outside the vocabulary, `ByteIOError` when
  ///   the logits cannot be written.
  public func score(
    ids: [Int], source: [Int]? = nil, isText: Bool, tokenCountLimit: Int? = nil, windowTokenCount: Int? = nil,
    logitsPath: String? = nil, isReplacing: Bool = false, progress: (Double) -> Void = { _ in }
  ) throws -> ScoreReport {
    let plan = try windowPlan(
      tokenCount: ids.count, isText: isText, tokenCountLimit: tokenCountLimit, windowTokenCount: windowTokenCount)
    let stream = try ExecutorStream(executor, contextLength: plan.windowTokenCount, source: source)
    let writer = try logitsPath.map {
      try LogitsFileWriter(
        path: $0, tokenCount: plan.readCount, vocabularyCount: graph.vocabularyCount, replacing: isReplacing)
    }
    let report = try Scoring(tokens: ids, plan: plan, pool: context.pool).run(
      stream, receive: { try writer?.append($0) }, progress: progress)
    try writer?.finish()
    return report
  }

  /// The windows that scoring and verification cut tokens into.
  /// - Parameter isText: whether they are those of a text; explicit ids are taken as they are.
  /// - Throws: `ScoringError`.
  public func windowPlan(
    tokenCount: Int, isText: Bool, tokenCountLimit: Int?, windowTokenCount: Int?
  ) throws -> WindowPlan {
    let rules = isText ? tokenizer?.tables : nil
    return try WindowPlan(
      tokenCount: tokenCount, windowTokenCount: windowTokenCount, contextLength: graph.contextLength,
      beginningOfSequence: rules?.addsBeginningOfSequence == true ? rules?.beginningID : nil,
      tokenCountLimit: tokenCountLimit)
  }
}
