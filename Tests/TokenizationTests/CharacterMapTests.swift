import TensorCore
import Testing

@testable import Tokenization

@Suite struct CharacterMapTests {
  /// The rule a SentencePiece model brings along.
  private func stored() throws -> [UInt8] {
    let tables = try importedTokenizer("tokenizers/unigram-nfkc").tables
    guard case .sentencePiece(let rules) = tables.algorithm else { throw MissingValue() }
    return rules.characterMap
  }

  private func rewritten(_ text: String, _ map: CharacterMap) -> String {
    let bytes = Array(text.utf8)
    guard let match = map.longestMatch(in: bytes, from: 0, to: bytes.count) else { return text }
    return String(decoding: match.replacement + bytes[match.end...], as: UTF8.self)
  }

  /// Values of NFKC (UAX #15) and of the extra rules of `nmt_nfkc`.
  @Test func compatibilityFormsAreRewritten() throws {
    let map = try CharacterMap(stored())
    let cases = [
      ("\u{FB01}x", "fix"), ("\u{FF21}", "A"), ("\u{2460}", "1"), ("e\u{301}", "\u{e9}"), ("\u{3392}", "MHz"),
      ("\u{3000}", " "), ("\n", " "), ("\u{200B}", " "), ("a", "a"), ("\u{65E5}", "\u{65E5}"),
    ]
    for (text, expected) in cases {
      #expect(rewritten(text, map).utf8.elementsEqual(expected.utf8), "\(text.debugDescription)")
    }
  }

  @Test func anEmptyMapChangesNothing() throws {
    let map = try CharacterMap([])
    #expect(map.isEmpty)
    #expect(rewritten("\u{FB01}", map) == "\u{FB01}")
  }

  @Test(
    arguments: [
      [1], [0, 0, 0, 0], [8, 0, 0, 0, 1, 2, 3, 4], [3, 0, 0, 0, 1, 2, 3], [0xFF, 0xFF, 0xFF, 0xFF, 0],
      [4, 0, 0, 0, 1, 2, 3, 4, 0x61], [4, 0, 0, 0, 1, 2, 3, 4, 0xFF, 0],
    ] as [[UInt8]])
  func damagedMapsAreRefused(_ bytes: [UInt8]) {
    let error = #expect(throws: TokenizerError.self) { try CharacterMap(bytes) }
    #expect(error?.diagnosis.code == "tokenizer.character-map")
  }

  /// Whatever the trie holds, a walk stays inside it and gives UTF-8.
  @Test func walksStayInsideADamagedTrie() throws {
    let bytes = try stored()
    var random = SplitMix64(seed: 3)
    let texts = try goldenCases("unigram-nfkc").map { Array($0.text.utf8) }
    for _ in 0..<20 {
      var damaged = bytes
      for _ in 0..<2_000 { damaged[Int.random(in: 4..<100_000, using: &random)] = .random(in: 0...255, using: &random) }
      let map = try CharacterMap(damaged)
      for text in texts {
        for start in text.indices {
          guard let match = map.longestMatch(in: text, from: start, to: text.count) else { continue }
          #expect(match.end > start && match.end <= text.count)
          #expect(String(validating: match.replacement, as: UTF8.self) != nil)
        }
      }
    }
  }
}
