import Testing

@testable import Tokenization

/// Pre-tokens worked out by hand from the regular expressions.
@Suite struct SplitPatternTests {
  private func split(_ text: String, _ pattern: ByteLevelRules.SplitPattern) -> [String] {
    let bytes = Array(text.utf8)
    let scanner = PreTokenScanner(pattern, bytes, end: bytes.count)
    var parts: [String] = []
    var start = 0
    while start < bytes.count {
      let end = scanner.endOfPreToken(from: start)
      parts.append(String(decoding: bytes[start..<end], as: UTF8.self))
      start = end
    }
    return parts
  }

  @Test(arguments: [
    ("don't DON'T", ["don", "'t", " DON", "'", "T"]),
    ("  two  spaces ", [" ", " two", " ", " spaces", " "]),
    ("a\r\n\r\nb", ["a", "\r\n\r", "\n", "b"]),
    ("x12y", ["x", "12", "y"]),
    (" 12", [" 12"]),
    (" ...", [" ..."]),
    ("e\u{301}a", ["e", "\u{301}", "a"]),
    ("\u{a0}a", ["\u{a0}", "a"]),
  ])
  func gpt2(text: String, parts: [String]) { #expect(split(text, .gpt2) == parts) }

  @Test(arguments: [
    ("DON'T it'\u{17F}", ["DON", "'T", " it", "'\u{17F}"]),
    ("'sab", ["'s", "ab"]),
    ("'ab", ["'ab"]),
    ("(ab) !!ab", ["(ab", ")", " !!", "ab"]),
    ("a\r\n\r\nb", ["a", "\r\n\r\n", "b"]),
    ("a \n  b", ["a", " \n", " ", " b"]),
    ("x  \n\n  ", ["x", "  \n\n", "  "]),
    ("!\n\n!", ["!\n\n", "!"]),
    ("12345", ["123", "45"]),
    (" 1", [" ", "1"]),
    ("\tab\t1", ["\tab", "\t", "1"]),
    ("\t!", ["\t", "!"]),
  ])
  func llama3(text: String, parts: [String]) { #expect(split(text, .llama3) == parts) }

  @Test func qwen2TakesDigitsOneByOne() {
    #expect(split("a12 \u{0663}\u{bd}", .qwen2) == ["a", "1", "2", " ", "\u{0663}", "\u{bd}"])
  }

  @Test func noPatternKeepsTheTextWhole() { #expect(split("a b\n1", .none) == ["a b\n1"]) }
}
