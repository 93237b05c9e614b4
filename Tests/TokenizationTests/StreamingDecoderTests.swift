import Testing
import Tokenization

@Suite struct StreamingDecoderTests {
  /// A tokenizer whose ids are the bytes.
  private func bytes() throws -> Tokenizer {
    var pieces = PieceTable()
    for byte in UInt8.min...UInt8.max { pieces.append([byte]) }
    return try Tokenizer(TokenizerTables(algorithm: .byteLevelBPE(ByteLevelRules(splitPattern: .gpt2)), pieces: pieces))
  }

  @Test func charactersComeOutWhole() throws {
    var decoder = StreamingDecoder(try bytes())
    var parts: [String] = []
    for byte in "a\u{e9}\u{20ac}\u{1f600}b".utf8 { parts.append(try decoder.append(Int(byte))) }
    #expect(parts == ["a", "", "\u{e9}", "", "", "\u{20ac}", "", "", "", "\u{1f600}", "b"])
    #expect(decoder.finish() == "")
  }

  @Test(arguments: [
    [0xE2, 0x82], [0xE2, 0x82, 0x41], [0x82, 0x82], [0xF0, 0x9F, 0xC3, 0xA9], [0xFF, 0x41], [0xC0, 0x80],
    [0xE0, 0x80, 0x80],
    [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF0, 0x9F, 0x98], [0xC3],
  ])
  func illFormedBytesComeOutAsWhenDecodedAtOnce(_ ids: [Int]) throws {
    let tokenizer = try bytes()
    var decoder = StreamingDecoder(tokenizer)
    var text = ""
    for id in ids { text += try decoder.append(id) }
    text += decoder.finish()
    #expect(text.unicodeScalars.elementsEqual(try tokenizer.decode(ids).unicodeScalars))
    #expect(text.unicodeScalars.contains("\u{FFFD}"))
  }

  @Test func theDummyPrefixIsDroppedOnce() throws {
    let tokenizer = try tokenizer("models/novelist-moe")
    let ids = tokenizer.encode("the the")
    var decoder = StreamingDecoder(tokenizer)
    #expect(try ids.map { try decoder.append($0) } == ["the", " the"])
    #expect(try tokenizer.decodeBytes(ids[0]) == Array(" the".utf8))
  }

  @Test func unknownIDsAreRefused() throws {
    var decoder = StreamingDecoder(try bytes())
    #expect(throws: TokenizerError.unknownToken(id: 256, vocabularyCount: 256)) { try decoder.append(256) }
  }
}
