import Foundation
import TestSupport
import Testing

/// Packs that keep the stored type, held against values computed by the transformers library in float32.
@Suite struct GoldenTests {
  static let tinyArchitectures = [
    "llama", "llama3-rope", "mistral-window", "mixtral", "olmoe", "qwen2", "qwen2-moe", "qwen3", "qwen3-moe",
  ]
  static let novelists = ["novelist-dense", "novelist-moe"]

  /// The largest difference between the logits of `pack` and the golden ones.
  static func logitError(pack: String, golden: String, folder: TemporaryFolder) throws -> Float {
    let expected = try GoldenTensors(golden)
    let ids = expected.integers("input_ids")
    let path = folder.path("logits.safetensors")
    let run = try CommandRun(
      "swage-run",
      [
        "score", pack, "--ids", ids.map(String.init).joined(separator: ","), "--window", "\(ids.count)", "--logits",
        path, "--json",
      ])
    try #require(run.status == 0, "\(run.error)")
    let actual = try GoldenTensors(path)
    #expect(actual.dimensions("logits") == expected.dimensions("logits"))
    return zip(actual.floats("logits"), expected.floats("logits")).map { abs($0 - $1) }.max() ?? .infinity
  }

  static func compile(_ checkpoint: String, into folder: TemporaryFolder, _ arguments: [String] = []) throws -> String {
    let pack = folder.path("model.swage")
    let run = try CommandRun("swage", ["compile", checkpoint, "-o", pack] + arguments)
    try #require(run.status == 0, "\(run.error)")
    return pack
  }

  @Test(arguments: tinyArchitectures)
  func tinyLogitsMatch(architecture: String) throws {
    let folder = TemporaryFolder()
    let pack = try Self.compile(Fixtures.path("tiny/\(architecture)"), into: folder)
    let error = try Self.logitError(
      pack: pack, golden: Fixtures.path("tiny/\(architecture)/golden.safetensors"), folder: folder)
    #expect(error < 1e-3)
  }

  @Test(arguments: novelists)
  func novelistLogitsMatch(name: String) throws {
    let folder = TemporaryFolder()
    let pack = try Self.compile(Fixtures.path("models/\(name)"), into: folder)
    #expect(try Self.logitError(pack: pack, golden: Fixtures.path("golden/\(name).safetensors"), folder: folder) < 1e-3)
  }

  static func golden(_ name: String) throws -> [String: Any] {
    let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("golden/\(name).json")))
    return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
  }

  @Test(arguments: novelists)
  func greedyTextMatches(name: String) throws {
    let folder = TemporaryFolder()
    let pack = try Self.compile(Fixtures.path("models/\(name)"), into: folder)
    let greedy = try #require(try Self.golden(name)["greedy"] as? [String: Any])
    let prompt = try #require(greedy["prompt"] as? String)
    let run = try CommandRun(
      "swage-run", ["generate", pack, "--prompt", prompt, "--tokens", "64", "--temperature", "0", "--json"])
    let result = try #require(run.json["result"] as? [String: Any], "\(run.error)")
    #expect(result["ids"] as? [Int] == greedy["ids"] as? [Int])
    #expect((result["ids"] as? [Int])?.count == 64)
  }

  @Test(arguments: novelists)
  func tokenizationMatches(name: String) throws {
    let folder = TemporaryFolder()
    let pack = try Self.compile(Fixtures.path("models/\(name)"), into: folder)
    let cases = try #require(try Self.golden(name)["tokenization"] as? [[String: Any]])
    #expect(cases.count > 10)
    for entry in cases {
      let textPath = folder.path("text")
      try Data((entry["text"] as? String ?? "").utf8).write(to: URL(fileURLWithPath: textPath))
      let run = try CommandRun("swage-run", ["tokenize", pack, "--text", textPath, "--json"])
      let result = run.json["result"] as? [String: Any]
      #expect(result?["ids"] as? [Int] == entry["ids"] as? [Int], "\(entry)")
    }
  }

  @Test(arguments: novelists)
  func perplexityMatches(name: String) throws {
    let folder = TemporaryFolder()
    let pack = try Self.compile(Fixtures.path("models/\(name)"), into: folder)
    let entry = try #require((try Self.golden(name)["perplexity"] as? [[String: Any]])?.first)
    let tokens = try #require(entry["tokens"] as? Int)
    let expected = try #require(entry["perplexity"] as? Double)
    let run = try CommandRun(
      "swage-run", ["score", pack, "--text", Fixtures.path("texts/eval.txt"), "--tokens", "\(tokens)", "--json"])
    let result = try #require(run.json["result"] as? [String: Any], "\(run.error)")
    let perplexity = try #require(result["perplexity"] as? Double)
    #expect(abs(perplexity / expected - 1) < 0.001)
    #expect(result["tokens"] as? Int == entry["scored"] as? Int)
  }
}
