import Execution
import Tokenization

/// What to generate.
public struct GenerationRequest: Sendable {
  public let promptIDs: [Int]
  /// What the decoder of an encoder–decoder, whose source the prompt is, begins with; nil for the token it was trained
  /// to begin with.
  public let decoderIDs: [Int]?
  /// Most tokens to generate.
  public let tokenCountLimit: Int
  public let sampling: SamplerOptions
  /// Texts that end the generation and are not part of it.
  public let stopTexts: [String]
  /// Tokens to keep room for; nil for as many as the model was made for.
  public let contextLength: Int?

  public init(
    promptIDs: [Int], decoderIDs: [Int]? = nil, tokenCountLimit: Int, sampling: SamplerOptions,
    stopTexts: [String] = [], contextLength: Int? = nil
  ) {
    self.promptIDs = promptIDs
    self.decoderIDs = decoderIDs
    self.tokenCountLimit = tokenCountLimit
    self.sampling = sampling
    self.stopTexts = stopTexts
    self.contextLength = contextLength
  }
}

/// What was generated, without the prompt.
public struct GenerationResult: Sendable {
  public let ids: [Int]
  /// Nil for a pack without a tokenizer.
  public let text: String?
  public let ending: Ending
  /// Speed after the first token, whose time is the prompt's; nil for fewer than two.
  public let tokensPerSecond: Double?

  /// Why it ended.
  public enum Ending: Sendable, Equatable {
    case loop(StopReason)
    /// One of the stop texts came.
    case stopText

    public var text: String {
      switch self {
      case .loop(let reason): reason.rawValue
      case .stopText: "stop_text"
      }
    }
  }
}

extension PackedModel {
  /// Continues the prompt; an encoder–decoder reads it as the source, and begins another text.
  /// - Parameter body: receives text as soon as it is certain to belong to the result.
  /// - Throws: `ExecutionError` for a prompt that is empty, too long or has unknown ids, and for decoder ids where there is
  ///   no encoder; `PackModelError.noTokenizer` for stop texts without a tokenizer, `.noTargetBeginning`; what `body` throws.
  public func generate(_ request: GenerationRequest, _ body: (String) throws -> Void = { _ in }) throws
    -> GenerationResult
  {
    if !request.stopTexts.isEmpty, tokenizer == nil { throw PackModelError.noTokenizer(path: reader.path) }
    var decoder = tokenizer.map { StreamingDecoder($0) }
    var filter = StopTextFilter(request.stopTexts)
    var text = ""
    var ids: [Int] = []
    func emit(_ piece: String) throws {
      guard !piece.isEmpty else { return }
      text += piece
      try body(piece)
    }
    var (start, end) = (ContinuousClock.now, ContinuousClock.now)
    var sampler = Sampler(request.sampling)
    let loop = GenerationLoop(
      executor: executor, stopIDs: reader.manifest.endIDs, tokenCountLimit: request.tokenCountLimit)
    let cache = try executor.makeCache(contextLength: request.contextLength)
    let reason = try loop.run(prompt: beginning(of: request, cache), cache: cache, sampler: &sampler) { id in
      ids.append(id)
      end = .now
      if ids.count == 1 { start = end }
      if let piece = try decoder?.append(id) { try emit(filter.append(piece)) }
      return !filter.hasStopped
    }
    if !filter.hasStopped, let rest = decoder?.finish() {
      try emit(filter.append(rest))
      try emit(filter.finish())
    }
    return GenerationResult(
      ids: ids, text: tokenizer == nil ? nil : text, ending: filter.hasStopped ? .stopText : .loop(reason),
      tokensPerSecond: ids.count > 1 ? Double(ids.count - 1) / ((end - start) / .seconds(1)) : nil)
  }

  /// What is continued: the prompt, or, once `cache` holds it as the source, what the decoder begins with.
  private func beginning(of request: GenerationRequest, _ cache: KeyValueCache) throws -> [Int] {
    guard executor.readsSource else {
      guard request.decoderIDs == nil else { throw ExecutionError.source(isGiven: true) }
      return request.promptIDs
    }
    guard let ids = request.decoderIDs ?? reader.manifest.beginningID.map({ [$0] }) else {
      throw PackModelError.noTargetBeginning(path: reader.path)
    }
    try executor.encode(request.promptIDs, into: cache)
    return ids
  }
}
