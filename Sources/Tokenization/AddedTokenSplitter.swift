/// A stretch of text, or a token found in it.
enum TextSegment: Equatable {
  case text(Range<Int>)
  case token(Int)
}

/// Finds added tokens in text: the leftmost first, and of those the longest.
struct AddedTokenSplitter: Sendable {
  private let tokens: [AddedToken]
  private var trie = ByteTrie()

  /// - Parameter contents: what to look for, one for each token.
  init(_ tokens: [AddedToken], contents: [[UInt8]]) {
    self.tokens = tokens
    for (position, content) in contents.enumerated() { trie.insert(content, value: position) }
  }

  var isEmpty: Bool { tokens.isEmpty }

  /// Cuts `text[range]` around the tokens in it. Stretches of text are not empty.
  func split(_ text: [UInt8], _ range: Range<Int>) -> [TextSegment] {
    guard !isEmpty else { return range.isEmpty ? [] : [.text(range)] }
    var segments: [TextSegment] = []
    var pending = range.lowerBound
    var position = range.lowerBound
    while position < range.upperBound {
      guard let match = trie.longestMatch(in: text, from: position, to: range.upperBound) else {
        position += 1
        continue
      }
      let token = tokens[match.value]
      var start = position, end = match.end
      position = match.end
      if token.isSingleWord, touchesWord(text, start, end, range) { continue }
      if token.stripsLeft {
        while start > pending, case let (scalar, before) = UTF8Decoding.scalar(text, before: start),
          scalar.properties.isWhitespace
        { start = before }
      }
      if token.stripsRight {
        while end < range.upperBound, case let (scalar, byteCount) = UTF8Decoding.scalar(text, at: end),
          scalar.properties.isWhitespace
        { end += byteCount }
      }
      start = max(start, pending)
      if start > pending { segments.append(.text(pending..<start)) }
      segments.append(.token(token.id))
      pending = max(end, pending)
      position = max(position, pending)
    }
    if pending < range.upperBound { segments.append(.text(pending..<range.upperBound)) }
    return segments
  }

  private func touchesWord(_ text: [UInt8], _ start: Int, _ end: Int, _ range: Range<Int>) -> Bool {
    start > range.lowerBound && Self.isWord(UTF8Decoding.scalar(text, before: start).scalar)
      || end < range.upperBound && Self.isWord(UTF8Decoding.scalar(text, at: end).scalar)
  }

  /// The class `\w` of Unicode regular expressions (UTS #18, annex C).
  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.properties.isAlphabetic || scalar.properties.isJoinControl { return true }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return false
    }
  }
}
