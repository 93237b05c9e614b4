import ForeignFormats
import TestSupport
import Testing
import Tokenization

@Suite struct GoldenTests {
  static let made = [
    "gpt2", "gpt2-prefix-space", "digits", "digit-runs", "llama3", "qwen2", "llama2-normalizer", "llama2-metaspace",
    "llama2-metaspace-first", "bpe-nfkc", "bpe-identity", "unigram-nfkc", "unigram-bytes", "unigram-unescaped",
  ]

  @Test(arguments: made) func idsAreThoseOfTheLibrary(_ name: String) throws {
    let tokenizer = try tokenizer("tokenizers/\(name)")
    let cases = try goldenCases(name)
    #expect(cases.count > 60)
    for golden in cases {
      #expect(tokenizer.encode(golden.text) == golden.ids, "\(name): \(golden.text.debugDescription)")
    }
  }

  @Test(arguments: made) func decodedTextIsThatOfTheLibrary(_ name: String) throws {
    let tokenizer = try tokenizer("tokenizers/\(name)")
    for golden in try goldenCases(name) {
      let decoded = try tokenizer.decode(golden.ids, includingSpecial: true)
      #expect(
        decoded.utf8.elementsEqual(golden.decoded.utf8),
        "\(name): \(decoded.debugDescription) for \(golden.decoded.debugDescription)")
    }
  }

  @Test(arguments: made) func streamedTextIsTheDecodedText(_ name: String) throws {
    let tokenizer = try tokenizer("tokenizers/\(name)")
    for golden in try goldenCases(name) {
      var streaming = StreamingDecoder(tokenizer, includingSpecial: true)
      var text = ""
      for id in golden.ids { text += try streaming.append(id) }
      text += streaming.finish()
      #expect(text.utf8.elementsEqual(golden.decoded.utf8), "\(name): \(golden.text.debugDescription)")
    }
  }

  /// The two novelists' strings, in both directions, and the number of tokens in the evaluation text.
  @Test(arguments: ["novelist-dense", "novelist-moe"]) func novelistsAgreeWithTheirGoldenValues(_ name: String) throws {
    let tokenizer = try tokenizer("models/\(name)")
    let golden = try fixtureJSON("golden/\(name).json")
    let cases = try required(golden["tokenization"]?.array).map(GoldenCase.init)
    #expect(cases.count >= 20)
    for golden in cases {
      #expect(tokenizer.encode(golden.text) == golden.ids, "\(golden.text.debugDescription)")
      #expect(try tokenizer.decode(golden.ids, includingSpecial: true).utf8.elementsEqual(golden.decoded.utf8))
    }
    let text = String(decoding: try required(fixtureBytes("texts/eval.txt")), as: UTF8.self)
    let ids = tokenizer.encode(text)
    let windows = try required(golden["perplexity"]?.array?.last?["tokens"]?.integer)
    #expect(ids.count / 256 * 256 == Int(windows))
    #expect(try tokenizer.decode(ids).utf8.elementsEqual(text.utf8))
  }

  @Test func novelistsAddNoSpecialTokens() throws {
    for (name, end) in [("novelist-dense", 0), ("novelist-moe", 2)] {
      let tokenizer = try tokenizer("models/\(name)")
      #expect(tokenizer.encode("a b", addSpecial: true) == tokenizer.encode("a b"))
      #expect(tokenizer.endIDs == [end])
      #expect(!tokenizer.tables.addsBeginningOfSequence)
    }
  }

  /// A pre-token of 100,000 letters merges in the time of as many short ones; a quadratic merge would take minutes.
  @Test(arguments: ["gpt2", "bpe-identity"]) func longWordsAreMergedWhole(_ name: String) throws {
    let tokenizer = try tokenizer("tokenizers/\(name)")
    let word = String(repeating: "thehe", count: 20_000)
    let ids = tokenizer.encode(word)
    #expect(ids.count < word.utf8.count)
    #expect(try tokenizer.decode(ids) == word)
  }
}
