import PassKit
import Testing

@Suite struct GlobTests {
  @Test(arguments: [
    ("layers.3.mlp.up", "layers.3.mlp.up", true), ("layers.3.mlp.up", "layers.3.mlp.upper", false),
    ("*", "anything.at.all", true), ("*", "", true), ("**", "x", true),
    ("*.mlp.*", "layers.3.mlp.up", true), ("*.mlp.*", "layers.3.mlp", false), ("*.mlp.*", "mlp.up", false),
    ("layers.*", "layers.3.mlp.experts.5.up", true), ("layers.*", "xlayers.3", false),
    ("*.experts.*.up", "layers.1.mlp.experts.12.up", true), ("*.experts.*.up", "layers.1.mlp.experts.12.gate", false),
    ("a*a", "a", false), ("a*a", "aa", true), ("a*ab*b", "aabb", true), ("a*ab*b", "aab", false),
    ("*ab*ab", "abab", true), ("*ab*ab", "xabyab", true), ("*ab*ab", "ab", false), ("a*b*c", "abcbc", true),
    ("*.?", "x.y", false), ("*.[a]", "x.a", false), ("é*", "é.x", true), ("x*é", "xé", true),
  ])
  func matchesFromEndToEnd(pattern: String, name: String, expected: Bool) throws {
    let glob = try #require(Glob(pattern))
    #expect(glob.matches(name) == expected)
    let exclusion = try #require(Glob("!" + pattern))
    #expect(exclusion.isExclusion && exclusion.matches(name) == expected)
  }

  /// Against the textbook recursion, over every pattern and name of a two-letter alphabet.
  @Test func agreesWithTheRecursiveDefinition() throws {
    func fits(_ pattern: Substring, _ name: Substring) -> Bool {
      guard let first = pattern.first else { return name.isEmpty }
      if first == "*" {
        return fits(pattern.dropFirst(), name) || (!name.isEmpty && fits(pattern, name.dropFirst()))
      }
      return name.first == first && fits(pattern.dropFirst(), name.dropFirst())
    }
    func words(_ alphabet: String, upTo length: Int) -> [String] {
      (0..<length).reduce([[""]]) { all, _ in
        all + [all[all.count - 1].flatMap { word in alphabet.map { word + String($0) } }]
      }.flatMap(\.self)
    }
    for pattern in words("ab*", upTo: 5) where !pattern.isEmpty {
      let glob = try #require(Glob(pattern))
      for name in words("ab", upTo: 5) {
        #expect(glob.matches(name) == fits(pattern[...], name[...]), "\(pattern) on '\(name)'")
      }
    }
  }

  @Test(arguments: [
    ("layers.*.mlp.router", "layers.3.mlp.router", true), ("layers.3.mlp.router", "layers.3.mlp.router", true),
    ("*.router", "layers.3.mlp.router", true), ("*router", "layers.3.mlp.router", false),
    ("layers.*", "layers.3.mlp.router", false), ("*", "embedding", false), ("head", "head", true),
    ("!*.router", "layers.3.mlp.router", false), ("*.up", "layers.3.mlp.router", false),
  ])
  func namesOnlyWithoutAStarInTheLastWord(pattern: String, name: String, expected: Bool) throws {
    #expect(try #require(Glob(pattern)).names(name) == expected)
  }

  @Test(arguments: ["", "!", "a b", "a,b", "\"*.mlp\"", "'x'", "a\tb"])
  func refusesWhatNoNameHolds(pattern: String) {
    #expect(Glob(pattern) == nil)
  }
}
