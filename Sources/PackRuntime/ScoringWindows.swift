/// How a text is cut up to be scored: consecutive windows from its start, without overlap.
///
/// Every position but a window's first is scored. Where the tokenizer adds a beginning-of-sequence token, that token
/// takes the first place of every window, and windows hold one token of text less. What is left at the end counts only
/// in a text that is shorter than a window.
public struct WindowPlan: Sendable, Equatable {
  public static let defaultWindowTokenCount = 256

  /// Most tokens a window holds, the beginning-of-sequence token included.
  public let windowTokenCount: Int
  /// The tokens of the text in each window; at least one window.
  public let windows: [Range<Int>]
  /// The id put before every window, if any.
  public let beginningOfSequence: Int?

  /// - Parameters:
  ///   - tokenCount: tokens of the text.
  ///   - windowTokenCount: 2 … `contextLength`; nil takes 256, or the model's context where that is shorter.
  ///   - tokenCountLimit: use only so many tokens from the start.
  /// - Throws: `ScoringError` when the window is out of bounds or there are too few tokens to score one.
  public init(
    tokenCount: Int, windowTokenCount: Int?, contextLength: Int, beginningOfSequence: Int? = nil,
    tokenCountLimit: Int? = nil
  ) throws(ScoringError) {
    let window = windowTokenCount ?? min(Self.defaultWindowTokenCount, contextLength)
    guard window >= 2, window <= contextLength else {
      throw .windowOutOfRange(requested: window, contextLength: contextLength)
    }
    let addedCount = beginningOfSequence == nil ? 0 : 1
    let available = min(tokenCount, tokenCountLimit ?? tokenCount)
    guard available + addedCount >= 2 else { throw .tooFewTokens(available) }
    self.windowTokenCount = window
    self.beginningOfSequence = beginningOfSequence
    let length = window - addedCount
    windows =
      available < length
      ? [0..<available] : (0..<available / length).map { $0 * length..<($0 + 1) * length }
  }

  /// What the model reads for a window.
  /// - Parameter tokens: the text that was planned for.
  public func ids(ofWindow index: Int, in tokens: [Int]) -> [Int] {
    (beginningOfSequence.map { [$0] } ?? []) + tokens[windows[index]]
  }

  /// The place in the text of the token at place `offset` of a window as the model reads it; −1 is the token put before
  /// the text.
  public func position(ofWindow index: Int, offset: Int) -> Int {
    windows[index].lowerBound + offset - (beginningOfSequence == nil ? 0 : 1)
  }

  /// Tokens the model reads, over all windows.
  public var readCount: Int {
    windows.reduce(0) { $0 + $1.count } + (beginningOfSequence == nil ? 0 : windows.count)
  }

  /// Positions that are scored.
  public var scoredCount: Int { readCount - windows.count }
}
