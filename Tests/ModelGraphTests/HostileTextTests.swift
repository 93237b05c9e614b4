import ModelGraph
import TensorCore
import Testing

@Suite struct HostileTextTests {
  private let lines = SampleGraph.text.split(separator: "\n", omittingEmptySubsequences: false)

  @Test func everyTruncationIsRefused() {
    let bytes = Array(SampleGraph.text.utf8)
    for count in bytes.indices {
      let text = String(decoding: bytes[..<count], as: UTF8.self)
      #expect(throws: GraphError.self, "\(count) bytes") { try ModelGraph(parsing: text) }
    }
  }

  @Test func everyMissingLineIsRefused() {
    for line in 0..<lines.count - 1 {
      // Without the line between them two blocks become one, which makes another graph and a good one.
      guard !lines[line].hasPrefix("block ") || lines[line] == "block embedding" else { continue }
      var left = lines
      left.remove(at: line)
      #expect(throws: GraphError.self, "\(lines[line])") { try ModelGraph(parsing: left.joined(separator: "\n")) }
    }
  }

  /// A changed text is refused, or it is the text of another graph that verifies.
  @Test func changedBytesNeverCrash() throws {
    let original = Array(SampleGraph.text.utf8)
    let alphabet = Array("0123456789 \n%@[],:.{}=-aenx_é\u{0}".utf8)
    var random = SplitMix64(seed: 11)
    var accepted = 0
    for _ in 0..<20_000 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let position = Int.random(in: bytes.indices, using: &random)
        let byte = alphabet.randomElement(using: &random) ?? 0
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[position] = byte
        case 1: bytes.insert(byte, at: position)
        default: bytes.remove(at: position)
        }
      }
      let text = String(decoding: bytes, as: UTF8.self)
      guard let graph = try? ModelGraph(parsing: text) else { continue }
      accepted += 1
      try graph.verify()
      #expect(graph.text == text)
    }
    #expect(accepted < 6_000)
  }

  @Test(arguments: [
    ("graph", "graph sample vocabulary=32 context=64", "graph sample vocabulary=032 context=64", 1, 25),
    ("double space", "input %0 : ids[n]", "input  %0 : ids[n]", 2, 7),
    ("role", "@final_norm norm", "@final_norm enorm", 20, 23),
    ("operation", "= clamp", "= clump", 30, 8),
    ("number", "limit=8.0", "limit=8", 30, 23),
    ("missing field", " limit=8.0", "", 30, 16),
    ("field too many", "limit=8.0", "limit=8.0 more=1", 30, 27),
    ("operand too many", "clamp %6", "clamp %6 %5", 30, 8),
    ("type", "limit=8.0 : [n, 4]", "limit=8.0 : [n, 5]", 30, 29),
    ("scaling", "scaling=linear", "scaling=yarn", 32, 44),
    ("flag", "normalizes=true", "normalizes=yes", 43, 115),
    ("expert range", "{0..2}", "{2..0}", 15, 38),
  ])
  func syntaxErrorsSayWhere(rule: String, good: String, bad: String, line: Int, column: Int) throws {
    let text = SampleGraph.text
    let range = try #require(text.firstRange(of: good))
    let error = #expect(throws: GraphError.self) {
      try ModelGraph(parsing: text.replacingCharacters(of: range, with: bad))
    }
    guard case .syntax(let foundLine, let foundColumn, _, _)? = error else {
      Issue.record("\(rule): \(String(describing: error))")
      return
    }
    #expect([foundLine, foundColumn] == [line, column], "\(rule)")
  }

  @Test func declarationsCannotMultiply() {
    let line = "parameters @p.{0..65535} expert gate [1, 1] up [1, 1] down [1, 1]\n"
    let text = "graph a vocabulary=1 context=1\ninput %0 : ids[n]\n" + String(repeating: line, count: 1_000)
    #expect(throws: GraphError.tooMany("parameters", limit: GraphLimits.parameterCount)) {
      try ModelGraph(parsing: text)
    }
  }

  @Test func usesCannotMultiply() {
    var text = """
      graph a vocabulary=1 context=1
      input %0 : ids[n]
      parameter @t embedding [1, 1]
      parameter @r router [65536, 1]
      parameters @p.{0..65535} expert gate [1, 1] up [1, 1] down [1, 1]
      block b
        %1 = embed %0 table=@t width=1 : [n, 1]

      """
    for value in 2..<50 {
      text +=
        "  %\(value) = mixture %1 router=@r experts=@p count=65536 active=1 width=1 normalizes=true function=relu : [n, 1]\n"
    }
    #expect(throws: GraphError.tooMany("uses of parameters", limit: GraphLimits.parameterUseCount)) {
      try ModelGraph(parsing: text)
    }
  }

  @Test func longTextsAreRefused() {
    let text = String(repeating: "a", count: GraphLimits.textByteCount + 1)
    #expect(
      throws: GraphError.textTooLong(byteCount: GraphLimits.textByteCount + 1, limit: GraphLimits.textByteCount)
    ) { try ModelGraph(parsing: text) }
  }
}

extension String {
  fileprivate func replacingCharacters(of range: Range<String.Index>, with replacement: String) -> String {
    String(self[..<range.lowerBound]) + replacement + String(self[range.upperBound...])
  }
}
