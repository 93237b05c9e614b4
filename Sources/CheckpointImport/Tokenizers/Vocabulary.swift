import Tokenization

/// Pieces by id while a tokenizer is put together from parts that may name the same ids.
struct Vocabulary {
  private(set) var texts: [String?] = []
  private(set) var addedTokens: [AddedToken] = []
  /// Ids by the UTF-8 of their texts: canonically equal strings are different pieces.
  private var ids: [[UInt8]: Int] = [:]
  private var addedIDs: Set<Int> = []
  private let file: String

  /// - Parameter file: what the vocabulary comes from, for messages.
  init(file: String) { self.file = file }

  /// One more than the highest id.
  var count: Int { texts.count }

  func id(of text: String) -> Int? { ids[Array(text.utf8)] }

  /// - Throws: when the id is out of range or taken, or the text has another id.
  mutating func add(_ text: String, id: Int) throws(TokenizerImportError) {
    guard id >= 0, id < PieceTable.countLimit else {
      throw malformed("token \(text.debugDescription) has id \(id); ids are 0 to \(PieceTable.countLimit - 1)")
    }
    if id < texts.count, let other = texts[id] {
      throw malformed("tokens \(other.debugDescription) and \(text.debugDescription) both have id \(id)")
    }
    if let other = ids.updateValue(id, forKey: Array(text.utf8)) {
      throw malformed("token \(text.debugDescription) has two ids, \(other) and \(id)")
    }
    if id >= texts.count { texts += repeatElement(nil, count: id + 1 - texts.count) }
    texts[id] = text
  }

  /// - Throws: when the token contradicts what is known of its id or its text.
  mutating func add(_ token: AddedToken) throws(TokenizerImportError) {
    guard !token.content.isEmpty else { throw malformed("added token \(token.id) has no content") }
    guard addedIDs.insert(token.id).inserted else {
      throw malformed("added token \(token.id) is listed twice")
    }
    let isKnown = token.id >= 0 && token.id < count && texts[token.id]?.utf8.elementsEqual(token.content.utf8) == true
    if !isKnown { try add(token.content, id: token.id) }
    addedTokens.append(token)
  }

  private func malformed(_ why: String) -> TokenizerImportError {
    .malformed(file: file, place: "the vocabulary", why: why)
  }
}
