@testable import CheckpointImport
import Diagnostics
import ForeignFormats
import Testing
import Tokenization

@Suite struct SentencePieceImportTests {
  /// A `tokenizer.model` of `pieces`, with fields of the trainer's and the normaliser's messages as given.
  private func model(
    _ pieces: [(text: String, score: Float, kind: UInt8)], trainer: [UInt8] = [], normalizer: [UInt8] = []
  ) -> [UInt8] {
    func field(_ number: UInt8, _ payload: [UInt8]) -> [UInt8] {
      [number << 3 | 2] + varint(payload.count) + payload
    }
    func varint(_ value: Int) -> [UInt8] {
      value < 128 ? [UInt8(value)] : [UInt8(value & 127) | 128] + varint(value >> 7)
    }
    return pieces.flatMap { piece in
      let score = (0..<4).map { UInt8(truncatingIfNeeded: piece.score.bitPattern >> (8 * UInt32($0))) }
      return field(1, field(1, Array(piece.text.utf8)) + [0x15] + score + [0x18, piece.kind])
    } + field(2, trainer) + field(3, normalizer)
  }

  private let bpe: [UInt8] = [0x18, 2]
  private let basics: [(text: String, score: Float, kind: UInt8)] = [
    ("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("\u{2581}", -1, 1), ("a", -2, 1), ("b", -3, 1), ("ab", -4, 1),
    ("\u{2581}a", -5, 1), ("bb", -4, 1),
  ]

  private func load(_ bytes: [UInt8], _ others: [String: String] = [:]) throws -> Tokenizer {
    let imported = try TokenizerImport.load { $0 == "tokenizer.model" ? bytes : others[$0].map { Array($0.utf8) } }
    return try Tokenizer(required(imported).tables)
  }

  /// Equal scores: the leftmost pair is merged first. `abb` is `ab b`, `bbab` is `bb ab`.
  @Test func mergesByScoreThenByPlace() throws {
    let tokenizer = try load(model(basics, trainer: bpe))
    #expect(tokenizer.encode("abb") == [3, 6, 5])
    #expect(tokenizer.encode("bbab") == [3, 8, 6])
    #expect(tokenizer.encode("a") == [7])
    #expect(try tokenizer.decode([3, 8, 6, 7]) == "bbab a")
  }

  @Test func neighbouringUnknownsAreOne() throws {
    let tokenizer = try load(model(basics, trainer: bpe))
    #expect(tokenizer.encode("axyzb") == [7, 0, 5])
    #expect(tokenizer.encode("xx xx a") == [3, 0, 3, 0, 7])
    #expect(try tokenizer.decode([7, 0, 5]) == "a \u{2047} b")
  }

  @Test func controlPiecesAreFoundAndHidden() throws {
    let tokenizer = try load(model(basics, trainer: bpe))
    #expect(tokenizer.encode("<s>a</s>", addSpecial: true) == [1, 1, 7, 2])
    #expect(try tokenizer.decode([1, 7, 2]) == "a")
    #expect(try tokenizer.decode([1, 7, 2], includingSpecial: true) == "<s> a</s>")
    #expect(tokenizer.beginningID == 1 && tokenizer.endIDs == [2])
  }

  @Test func legacySettingDecidesAboutSpacesAfterTokens() throws {
    let bytes = model(basics, trainer: bpe)
    for (legacy, ids) in [("true", [7, 2, 7]), ("false", [7, 2, 4])] {
      let config = #"{"legacy":\#(legacy),"add_bos_token":false}"#
      #expect(try load(bytes, ["tokenizer_config.json": config]).encode("a</s>a", addSpecial: true) == ids)
    }
  }

  @Test func addedTokensFollowTheModel() throws {
    let bytes = model(basics, trainer: bpe)
    let config = #"""
      {"added_tokens_decoder":{"10":{"content":"<|x|>","special":true},"2":{"content":"</s>","special":true}}}
      """#
    var tokenizer = try load(bytes, ["tokenizer_config.json": config])
    #expect(tokenizer.vocabularyCount == 11)
    #expect(tokenizer.encode("<|x|>a<s>") == [10, 7] + tokenizer.encode("a<s>").dropFirst())
    #expect(tokenizer.encode("<s>") != [1])
    tokenizer = try load(bytes, ["added_tokens.json": #"{"<y>":9}"#])
    #expect(tokenizer.encode("<y><s>") == [9, 1])
    #expect(try tokenizer.decode([9, 7]) == "<y> a")
    #expect(throws: TokenizerImportError.self) { try load(bytes, ["added_tokens.json": #"{"<y>":4}"#]) }
  }

  /// The unigram search takes the best sum, not the longest piece, and an unknown costs ten more than the worst piece.
  @Test func unigramTakesTheBestSum() throws {
    let pieces: [(text: String, score: Float, kind: UInt8)] = [
      ("<unk>", 0, 2), ("ab", -2, 1), ("abc", -7, 1), ("c", -4, 1), ("a", -3, 1), ("b", -3.5, 1),
    ]
    let noPrefix: [UInt8] = [0x18, 0]
    let tokenizer = try load(
      model(pieces, normalizer: noPrefix), ["tokenizer_config.json": #"{"add_bos_token":false}"#])
    #expect(tokenizer.encode("abc") == [1, 3])
    #expect(tokenizer.encode("axb") == [4, 0, 5])
  }

  @Test func unsupportedModelsAreNamed() throws {
    let cases: [([UInt8], String)] = [
      ([0x18, 3], "word"), ([0x18, 4], "char"), ([0xC0, 1, 1], "white space as a suffix"),
    ]
    for (trainer, found) in cases {
      let error = #expect(throws: TokenizerImportError.self) { try load(model(basics, trainer: trainer)) }
      #expect(error?.diagnosis.status == .unsupported)
      #expect(error?.diagnosis.what.contains(found) == true)
    }
  }

  @Test func contradictionsAreRefused() throws {
    #expect(throws: TokenizerError.missingByte(0)) { try load(model(basics, trainer: bpe + [0x98, 2, 1])) }
    let bytePieces = (UInt8.min...UInt8.max).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return ("<0x\(digits.count < 2 ? "0" : "")\(digits)>", Float(0), UInt8(6))
    }
    let tokenizer = try load(model(basics + bytePieces, trainer: bpe + [0x98, 2, 1]))
    #expect(tokenizer.encode("\u{e9}") == [3, 9 + 0xC3, 9 + 0xA9])
    #expect(throws: TokenizerError.badBytePiece(id: 265)) {
      try load(model(basics + bytePieces + [("<0xG0>", 0, 6)], trainer: bpe + [0x98, 2, 1]))
    }
    let twoUnknowns = #expect(throws: TokenizerImportError.self) {
      try load(model(basics + [("?", 0, 2)], trainer: bpe))
    }
    #expect(twoUnknowns?.diagnosis.why.contains("2 unknown pieces") == true)
    #expect(throws: TokenizerImportError.self) { try load(model(basics + [("ab", 0, 1)], trainer: bpe)) }
    #expect(throws: TokenizerError.scoreNotFinite(id: 9)) { try load(model(basics + [("q", .nan, 1)], trainer: bpe)) }
  }

  /// With both files the JSON counts, unless it is of a kind that is not supported.
  @Test func modelStandsInForUnsupportedJSON() throws {
    let bytes = model(basics, trainer: bpe)
    let unigram = #"{"model":{"type":"Unigram","vocab":[]}}"#
    #expect(try load(bytes, ["tokenizer.json": unigram]).encode("a") == [7])
    #expect(throws: TokenizerImportError.self) { try load(bytes, ["tokenizer.json": "{}"]) }
  }
}
