import Foundation
import TestSupport
import Testing

/// The tiny Switch model from import to generation.
@Suite struct EncoderDecoderTests {
  private static let checkpoint = Fixtures.path("tiny/switch")
  private static let golden = Fixtures.path("tiny/switch/golden.safetensors")

  private func list(_ ids: some Sequence<Int>) -> String { ids.map(String.init).joined(separator: ",") }

  private func logits(_ pack: String, _ source: [Int], _ target: [Int], _ folder: TemporaryFolder) throws -> [Float] {
    let path = folder.path("logits.safetensors")
    let run = try CommandRun(
      "swage-run",
      ["score", pack, "--ids", list(source), "--decoder-ids", list(target), "--logits", path, "--json"])
    try #require(run.status == 0, "\(run.error)")
    #expect((run.json["result"] as? [String: Any])?["tokens"] as? Int == target.count - 1)
    return try GoldenTensors(path).floats("logits")
  }

  @Test func logitsMatch() throws {
    let folder = TemporaryFolder()
    let pack = try GoldenTests.compile(Self.checkpoint, into: folder)
    let expected = try GoldenTensors(Self.golden)
    let ids = expected.integers("input_ids")
    #expect(expected.dimensions("logits") == [20, 512])
    let found = try logits(pack, ids, Array(ids[..<20]), folder)
    let error = zip(found, expected.floats("logits")).map { abs($0 - $1) }.max() ?? .infinity
    #expect(found.count == 20 * 512 && error < 1e-3, "\(error)")
  }

  @Test func generationIsGreedyByItsOwnLogits() throws {
    let folder = TemporaryFolder()
    let pack = try GoldenTests.compile(Self.checkpoint, into: folder, ["--pass", "quantize group=32 embedding=8"])
    let source = Array(try GoldenTensors(Self.golden).integers("input_ids"))
    func generate(_ arguments: [String]) throws -> [Int] {
      let run = try CommandRun(
        "swage-run",
        ["generate", pack, "--ids", list(source), "--tokens", "12", "--temperature", "0", "--json"] + arguments)
      let result = try #require(run.json["result"] as? [String: Any], "\(run.error)")
      return try #require(result["ids"] as? [Int])
    }
    // The model states no start of the target, so that it is the padding token.
    let ids = try generate([])
    #expect(!ids.isEmpty)
    #expect(try generate(["--decoder-ids", "0"]) == ids)
    #expect(try generate(["--decoder-ids", list([0] + ids.prefix(3))]) == Array(ids.dropFirst(3)) + generate(
      ["--decoder-ids", list([0] + ids)]).prefix(3))
    let rows = try logits(pack, source, [0] + ids, folder)
    for (position, id) in ids.enumerated() {
      let row = rows[position * 512..<(position + 1) * 512]
      #expect(row.firstIndex(of: try #require(row.max())).map { $0 - row.startIndex } == id)
    }
  }

  @Test func castingAndBenchmarkingWork() throws {
    let folder = TemporaryFolder()
    let pack = try GoldenTests.compile(Self.checkpoint, into: folder, ["--pass", "cast type=f32 targets=*"])
    let ids = try GoldenTensors(Self.golden).integers("input_ids")
    let found = try logits(pack, ids, Array(ids[..<20]), folder)
    let expected = try GoldenTensors(Self.golden).floats("logits")
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-3 })
    let bench = try CommandRun(
      "swage-run",
      ["bench", pack, "--prompt-tokens", "8", "--generate-tokens", "4", "--repetitions", "1", "--json"])
    #expect(bench.status == 0, "\(bench.error)")
  }

  @Test func whatHasNoMeaningIsRefused() throws {
    let folder = TemporaryFolder()
    let pack = try GoldenTests.compile(Self.checkpoint, into: folder)
    func refusal(_ tool: String, _ arguments: [String]) throws -> String? {
      let run = try CommandRun(tool, arguments + ["--json"])
      #expect(run.status != 0)
      return run.errorCode
    }
    #expect(try refusal("swage-run", ["score", pack, "--ids", "1,2,3"]) == "execution.source")
    #expect(
      try refusal("swage-run", ["score", pack, "--ids", "1,2,512", "--decoder-ids", "0,1"])
        == "execution.token-out-of-range")
    #expect(
      try refusal("swage-run", ["score", pack, "--ids", "1,2", "--decoder-ids", "0,512"])
        == "execution.token-out-of-range")
    #expect(try refusal("swage-run", ["score", pack, "--ids", "1,2", "--decoder-ids", "0,x"]) == "ids.malformed")
    #expect(
      try refusal("swage", ["verify", Self.checkpoint, pack, "--ids", "1,2,3"]) == "verify.encoder-decoder")
    let other = folder.path("other.swage"), text = Fixtures.path("texts/eval.txt")
    #expect(
      try refusal("swage", ["compile", Self.checkpoint, "-o", other, "--verify-text", text])
        == "verify.encoder-decoder")
    for pass in ["quantize method=gptq group=32", "sparsify", "factorize method=whitened parameters=0.7"] {
      #expect(
        try refusal(
          "swage", ["compile", Self.checkpoint, "-o", other, "--pass", pass, "--calibration", text])
          == "calibration.encoder-decoder")
    }
    let decoder = try GoldenTests.compile(Fixtures.path("tiny/llama"), into: TemporaryFolder())
    #expect(
      try refusal("swage-run", ["score", decoder, "--ids", "1,2", "--decoder-ids", "1,2"]) == "execution.source")
    #expect(
      try refusal("swage-run", ["generate", decoder, "--ids", "1,2", "--decoder-ids", "1"]) == "execution.source")
  }
}
