import PassKit
import TensorCore
import Testing

@Suite struct HostileYAMLTests {
  private func code(_ bytes: [UInt8]) -> String? {
    do {
      _ = try PassList(parsing: bytes, path: "a.yaml", catalog: .sample)
      return nil
    } catch {
      return error.diagnosis.code
    }
  }

  private func code(_ text: String) -> String? { code(Array(text.utf8)) }

  /// Nine lines that would stand for 9^9 nodes, in keys too, where a parser compares them.
  @Test func aliasesOfAliases() {
    var lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for level in 1...9 {
      let aliases = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
      lines.append("a\(level): &a\(level) [\(aliases)]")
    }
    lines.append("? *a9\n: 1\n? *a9\n: 2")
    #expect(code(lines.joined(separator: "\n")) == "passes.anchor")
  }

  /// Anchors hidden behind what a scanner for quotes and comments could be led astray by.
  @Test(arguments: [
    "x: [\"# \n# y\", &a foo]", "x: |\n  \"\ny: &b z", "{\"a\":&c d}", "- - &d e", "&e", "a: 'it''s' #\nb:\n  &f g",
  ])
  func hiddenAnchors(text: String) {
    #expect(code(text) == "passes.anchor")
  }

  @Test func anAmpersandInAWordIsOrdinary() {
    #expect(code("version: 1\npasses: [{sample: {task: R&D}}] # this & that\n") == nil)
  }

  @Test(arguments: ["[", "{a: ", "- ", "? ", "[{x: "])
  func deepNesting(opening: String) {
    let text = "version: 1\npasses: " + String(repeating: opening, count: 60_000 / opening.count)
    #expect(code(text)?.hasPrefix("passes.") == true)
    let indented = (0..<300).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n")
    #expect(code("version: 1\n" + indented) == "passes.unknown-key")
  }

  @Test func sizeIsLimited() {
    #expect(code(Array(repeating: UInt8(ascii: "#"), count: 256 * 1024 + 1)) == "passes.too-large")
    #expect(code(Array(repeating: UInt8(ascii: "#"), count: 256 * 1024)) == "passes.empty-list")
  }

  @Test func bytesThatAreNotText() {
    #expect(code([0xFF, 0xFE, 0x00]) == "passes.not-utf8")
    #expect(code(Array("version: ".utf8) + [0xC3]) == "passes.not-utf8")
    #expect(code([0xEF, 0xBB, 0xBF] + Array("version: 1\npasses: [sample]\n".utf8)) == nil)
  }

  /// Every prefix and 2,000 random edits of a good list are read or refused, never more.
  @Test func brokenListsAreReadOrRefused() {
    let good = Array(
      """
      version: 1
      calibration: { text: "../t.txt", sequences: 128, seed: 1 }
      passes:
        - sample: { bits: 4, share: 5%, candidates: [2, 3], pattern: 2:4, targets: ["*.mlp.*", '!a'] } # x
        - needy: { count: 1 }
      verify: { max-kl: 1e-2 }
      """.utf8)
    #expect(code(good) == nil)
    var refused = 0
    for length in 0..<good.count where code(Array(good[..<length])) != nil { refused += 1 }
    var random = SplitMix64(seed: 1)
    let alphabet = Array("[]{}:,-?&*!|>'\"%@`#\\ \n\t~<=0aé".utf8)
    for _ in 0..<2_000 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes.remove(at: place)
        case 1: bytes.insert(alphabet[Int.random(in: 0..<alphabet.count, using: &random)], at: place)
        default: bytes[place] = UInt8.random(in: 0...255, using: &random)
        }
      }
      if let code = code(bytes) {
        #expect(code.hasPrefix("passes."))
        refused += 1
      }
    }
    #expect(refused > 1_000)
  }
}
