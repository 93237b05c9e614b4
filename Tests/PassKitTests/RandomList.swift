/// The text of a valid list over the sample catalog, made from a seed.
struct RandomList {
  let text: String

  init(random: inout some RandomNumberGenerator) {
    var lines = ["version: 1"]
    if Bool.random(using: &random) {
      let files = Bool.random(using: &random) ? Self.text : Self.tasks
      lines.append("calibration: { \(Self.fields(of: Self.calibration + [files], &random)) }")
    }
    lines.append("passes:")
    for _ in 0...Int.random(in: 0...3, using: &random) {
      lines.append(
        Bool.random(using: &random)
          ? "  - needy: { count: \(Int.random(in: 1...Int.max, using: &random)) }"
          : "  - sample: { \(Self.fields(of: Self.sample, &random)) }")
    }
    if Bool.random(using: &random) { lines.append("verify: { \(Self.fields(of: Self.verify, &random)) }") }
    text = lines.joined(separator: "\n") + "\n"
  }

  private static let texts = [
    "a.txt", "\"with \\\"quotes\\\" and \\\\\"", "'it''s # not a comment'", "\"tab\\tnewline\\n\\u2028\\0\\x85\"",
    "ünï/cödé.txt",
    "\"🎈 ~ null\"", "\"~\"", "\"1\"", "'*.x'", "\"true\"", "'{a: b}'", "\"\\ufeff\\U000E0001\"", "\"- x: y\"", "\" \"",
  ]
  private static let sample: [(String, [String])] = [
    ("bits", ["2", "8", "\"4\""]), ("damping", ["0", "1e-7", "0.1", "3", "-0", "10"]),
    ("share", ["5%", "0.3", "33.3%", "1"]),
    ("mode", ["careful", "fast"]), ("size", ["1", "4GiB", "0.3TB"]),
    ("candidates", ["[3]", "[2, 3, 8]", "\"4,5\"", "6"]),
    ("pattern", ["1:2", "\"15:16\""]), ("task", texts),
    ("targets", ["\"*\"", "embedding", "[\"!a.*\", b.c]", "\"x,!y\"", "['é.*']"]),
  ]
  private static let text = ("text", texts)
  private static let tasks = (
    "tasks", ["{ a: b.txt }", "{ prose: ünï/cödé.txt, \"true\": \"~\", \"1\": '*.x', A-b_c.9: x=y }"]
  )
  private static let calibration: [(String, [String])] = [
    ("field", ["body"]), ("sequences", ["1", "1000000"]), ("length", ["2"]),
    ("seed", ["0", "\(Int.max)"]),
  ]
  private static let verify: [(String, [String])] = [
    ("text", texts), ("tokens", ["1000"]), ("window", ["2", "4096"]),
    ("max-perplexity-increase", ["1%", "0.123456789", "1e-300"]),
    ("max-kl", ["0.0049999999999999996", "1e3"]), ("min-agreement", ["0", "99.9%"]),
  ]

  /// Some of the options, in any order, each with one of its values.
  private static func fields(of options: [(String, [String])], _ random: inout some RandomNumberGenerator) -> String {
    options.shuffled(using: &random).filter { _ in Bool.random(using: &random) }
      .map { "\($0.0): \($0.1[Int.random(in: 0..<$0.1.count, using: &random)])" }.joined(separator: ", ")
  }
}
