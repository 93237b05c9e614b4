/// Prepares text as SentencePiece does: the compiled rule, then white space.
struct SentencePieceNormalizer: Sendable {
  /// `▁`, U+2581.
  static let escapedSpace: [UInt8] = [0xE2, 0x96, 0x81]

  private let rules: SentencePieceRules
  private let map: CharacterMap
  /// Pieces that normalisation leaves alone.
  private let userDefined: ByteTrie

  init(_ rules: SentencePieceRules, userDefined: ByteTrie) throws(TokenizerError) {
    self.rules = rules
    self.userDefined = userDefined
    map = try CharacterMap(rules.characterMap)
  }

  /// The prepared form of `text[range]`.
  /// - Parameter isFirst: whether no added token or text comes before it.
  func normalized(_ text: [UInt8], _ range: Range<Int>, isFirst: Bool) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(range.count + range.count / 4 + 3)
    var position = range.lowerBound
    if rules.removesExtraWhitespaces {
      while position < range.upperBound {
        let (chunk, end) = nextChunk(text, position, range.upperBound)
        guard chunk.elementsEqual(CollectionOfOne(UInt8(ascii: " "))) else { break }
        position = end
      }
    }
    guard position < range.upperBound else { return [] }
    if addsDummyPrefix(isFirst: isFirst, text, position) { appendSpace(to: &result) }
    var isAfterSpace = rules.removesExtraWhitespaces
    while position < range.upperBound {
      var (chunk, end) = nextChunk(text, position, range.upperBound)
      position = end
      if isAfterSpace { chunk = chunk.drop { $0 == UInt8(ascii: " ") } }
      for byte in chunk {
        if byte == UInt8(ascii: " ") { appendSpace(to: &result) } else { result.append(byte) }
      }
      if rules.removesExtraWhitespaces, let last = chunk.last { isAfterSpace = last == UInt8(ascii: " ") }
    }
    if rules.removesExtraWhitespaces {
      let space = rules.escapesWhitespaces ? Self.escapedSpace : [UInt8(ascii: " ")]
      while result.count >= space.count, result.suffix(space.count).elementsEqual(space) {
        result.removeLast(space.count)
      }
    }
    return result
  }

  /// The normalised form of what comes next, and where that ends: a user-defined piece, the longest rule's
  /// replacement, or one scalar.
  private func nextChunk(_ text: [UInt8], _ position: Int, _ limit: Int) -> (chunk: ArraySlice<UInt8>, end: Int) {
    if !userDefined.isEmpty, let match = userDefined.longestMatch(in: text, from: position, to: limit) {
      return (text[position..<match.end], match.end)
    }
    if !map.isEmpty, let match = map.longestMatch(in: text, from: position, to: limit) {
      return (match.replacement, match.end)
    }
    let end = position + UTF8Decoding.byteCount(lead: text[position])
    return (text[position..<end], end)
  }

  private func addsDummyPrefix(isFirst: Bool, _ text: [UInt8], _ position: Int) -> Bool {
    switch rules.dummyPrefix {
    case .never: false
    case .everySegment: true
    case .everySegmentWithoutSpace: !beginsWithSpace(text[position...])
    case .firstSegment: isFirst
    case .firstSegmentWithoutSpace: isFirst && !beginsWithSpace(text[position...])
    }
  }

  private func beginsWithSpace(_ text: ArraySlice<UInt8>) -> Bool {
    text.first == UInt8(ascii: " ") || text.starts(with: Self.escapedSpace)
  }

  private func appendSpace(to result: inout [UInt8]) {
    if rules.escapesWhitespaces { result += Self.escapedSpace } else { result.append(UInt8(ascii: " ")) }
  }
}
