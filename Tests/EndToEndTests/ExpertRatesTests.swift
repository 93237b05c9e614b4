import Foundation
import TestSupport
import Testing

/// Experts below one bit, measured by the tools themselves on text that no pass has seen.
@Suite struct ExpertRatesTests {
  private static let checkpoint = Fixtures.path("models/novelist-moe")

  private struct Figures {
    let fileBytes: Int
    let expertBits: Double
    let perplexityRatio: Double
    let divergence: Double
  }

  private func measure(_ steps: String...) throws -> Figures {
    let folder = TemporaryFolder()
    let pack = try GoldenTests.compile(
      Self.checkpoint, into: folder,
      ["--calibration", Fixtures.path("texts/calibration.txt"), "--calibration-sequences", "64"]
        + steps.flatMap { ["--pass", $0] })
    let run = try CommandRun(
      "swage",
      ["verify", Self.checkpoint, pack, "--text", Fixtures.path("texts/eval.txt"), "--tokens", "8192", "--json"])
    let result = try #require(run.json["result"] as? [String: Any], "\(run.error)")
    func mean(_ name: String) throws -> Double {
      try #require((result[name] as? [String: Any])?["mean"] as? Double)
    }
    let bits = (result["bits_per_weight"] as? [String: Any])?["by_role"] as? [String: Double]
    let size = try FileManager.default.attributesOfItem(atPath: pack)[.size] as? Int
    return Figures(
      fileBytes: try #require(size), expertBits: try #require(bits?["expert"]),
      perplexityRatio: try mean("perplexity_ratio"), divergence: try mean("kl_divergence"))
  }

  /// One rate for all experts keeps what the format promises, and rates of their own lose less than half at that size.
  @Test func ratesOfTheirOwnBeatOneForAll() throws {
    let uniform = try measure("pack-ternary bits-per-weight=0.8")
    #expect(uniform.expertBits <= 0.8 && uniform.perplexityRatio < 1.4, "\(uniform)")
    let mixed = try measure(
      "allocate-bits method=experts scope=global candidates=prune,ternary:0.8,2,3 bits-per-weight=0.8",
      "quantize method=gptq targets=*.experts.*")
    #expect(mixed.fileBytes <= uniform.fileBytes && 2 * mixed.divergence < uniform.divergence, "\(mixed) \(uniform)")
  }
}
