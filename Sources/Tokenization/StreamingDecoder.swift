/// Decodes ids one at a time and lets out only whole characters.
///
/// The texts it returns, end to end, are what `Tokenizer.decode` makes of all the ids.
public struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let includingSpecial: Bool
  private var decoding = DecodingState()
  /// The beginning of a character whose end has not come yet.
  private var pending: [UInt8] = []

  public init(_ tokenizer: Tokenizer, includingSpecial: Bool = false) {
    self.tokenizer = tokenizer
    self.includingSpecial = includingSpecial
  }

  /// The text that is complete with this id, often empty.
  /// - Throws: `TokenizerError.unknownToken`.
  public mutating func append(_ id: Int) throws(TokenizerError) -> String {
    pending += try tokenizer.decodedBytes(of: id, includingSpecial: includingSpecial, &decoding)
    let count = pending.count - Self.incompleteSuffixCount(pending)
    let text = String(decoding: pending[..<count], as: UTF8.self)
    pending.removeFirst(count)
    return text
  }

  /// What is left, with U+FFFD for a character that never ended.
  public mutating func finish() -> String {
    defer { pending.removeAll() }
    return String(decoding: pending, as: UTF8.self)
  }

  /// How many bytes at the end may be the beginning of a longer character.
  private static func incompleteSuffixCount(_ bytes: [UInt8]) -> Int {
    for count in 1...3 where count <= bytes.count {
      let byte = bytes[bytes.count - count]
      if byte & 0xC0 == 0x80 { continue }
      return byte >= 0xC2 && byte < 0xF5 && UTF8Decoding.byteCount(lead: byte) > count ? count : 0
    }
    return 0
  }
}
