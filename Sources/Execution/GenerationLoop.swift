/// Continues a prompt token by token.
public struct GenerationLoop {
  private let executor: Executor
  private let stopIDs: Set<Int>
  private let tokenCountLimit: Int

  /// - Parameters:
  ///   - stopIDs: tokens that end a generation and are not part of it.
  ///   - tokenCountLimit: most tokens to generate.
  public init(executor: Executor, stopIDs: [Int], tokenCountLimit: Int) {
    self.executor = executor
    self.stopIDs = Set(stopIDs)
    self.tokenCountLimit = tokenCountLimit
  }

  /// Runs `prompt` after what `cache` holds and hands each new token to `body` as soon as it is known.
  ///
  /// The repetition penalty counts what `sampler` has accepted, the prompt and the new tokens.
  /// - Parameter body: returns whether to go on.
  /// - Returns: why the generation ended.
  /// - Throws: `ExecutionError` when the prompt is empty, too long, or has ids outside the vocabulary, or when the logits
  ///   are unusable; and what the operators or `body` throw.
  public func run(
    prompt: [Int], cache: KeyValueCache, sampler: inout Sampler, _ body: (Int) throws -> Bool
  ) throws -> StopReason {
    guard !prompt.isEmpty else { throw ExecutionError.emptyPrompt }
    guard tokenCountLimit > 0 else { return .tokenLimit }
    sampler.accept(prompt)
    var pending = prompt
    for count in 1...tokenCountLimit {
      var next = 0
      try executor.forward(pending, cache: cache, logits: .last) { _, logits in next = try sampler.next(logits) }
      if stopIDs.contains(next) { return .stopToken }
      sampler.accept(CollectionOfOne(next))
      guard try body(next) else { return .consumer }
      if count < tokenCountLimit, cache.length == cache.contextLength { return .contextFull }
      pending = [next]
    }
    return .tokenLimit
  }
}

/// Why a generation ended.
public enum StopReason: String, Sendable {
  /// The model produced one of its end-of-sequence tokens.
  case stopToken = "stop_token"
  case tokenLimit = "token_limit"
  case contextFull = "context_full"
  /// Whoever received the tokens wanted no more.
  case consumer
}
