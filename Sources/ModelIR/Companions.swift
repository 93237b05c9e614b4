import Tokenization

/// What a pack carries beside graph and weights.
public struct Companions: Sendable {
  /// Nil for a checkpoint without a tokenizer; its pack works with ids.
  public var tokenizer: TokenizerTables?
  public var chatTemplate: String?
  public var beginningOfSequenceID: Int?
  /// A generation ends at any of these.
  public var endOfSequenceIDs: [Int]
  public var sampling: SamplingAdvice

  public init(
    tokenizer: TokenizerTables? = nil, chatTemplate: String? = nil, beginningOfSequenceID: Int? = nil,
    endOfSequenceIDs: [Int] = [], sampling: SamplingAdvice = SamplingAdvice()
  ) {
    self.tokenizer = tokenizer
    self.chatTemplate = chatTemplate
    self.beginningOfSequenceID = beginningOfSequenceID
    self.endOfSequenceIDs = endOfSequenceIDs
    self.sampling = sampling
  }
}
