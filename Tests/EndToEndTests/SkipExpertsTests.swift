import DecodeKernels
import Foundation
import PackRuntime
import Parallelism
import TestSupport
import Testing

/// Experts left out while a model runs, by thresholds that its pack carries.
@Suite struct SkipExpertsTests {
  private static func result(_ arguments: [String]) throws -> [String: Any] {
    let run = try CommandRun("swage-run", arguments + ["--json"])
    return try #require(run.json["result"] as? [String: Any], "\(run.error)")
  }

  private static func skippedShare(_ result: [String: Any]) throws -> Double {
    try #require(result["skipped_experts"] as? Double)
  }

  @Test func aPackSaysWhichExpertsATokenCanDoWithout() throws {
    let folder = TemporaryFolder(), calibration = Fixtures.path("texts/calibration.txt")
    let pack = try GoldenTests.compile(
      Fixtures.path("models/novelist-moe"), into: folder,
      [
        "--calibration", calibration, "--calibration-sequences", "8", "--calibration-length", "128",
        "--pass", "skip-experts share=0.5 protect=2%", "--pass", "quantize bits=4 group=32",
      ])
    let model = try PackedModel.open(path: pack, context: KernelContext(pool: WorkerPool(threadCount: 1)))
    #expect(
      model.graph.mixtures.count == 4
        && model.graph.mixtures.allSatisfy {
          $0.mixture.skipping.map { (0.01..<1).contains($0.ratio) && $0.protectedNorm ?? 0 > 0 } == true
        })

    let generate = ["generate", pack, "--prompt", "It was a dark and", "--tokens", "24", "--temperature", "0"]
    let skipping = try Self.result(generate + ["--skip-experts"])
    let limited = try Self.result(generate + ["--skip-experts", "--expert-memory", "25%"])
    #expect(skipping["ids"] as? [Int] == limited["ids"] as? [Int] && (skipping["ids"] as? [Int])?.count == 24)
    #expect(try Self.skippedShare(skipping) > 0 && Self.skippedShare(skipping) == Self.skippedShare(limited))
    // Who is left out is not read either: fewer uses than two experts in each layer for all but the prompt.
    let experts = try #require(limited["experts"] as? [String: Any])
    let uses = try #require(experts["hits"] as? Int) + #require(experts["misses"] as? Int)
    #expect(uses < 23 * 2 * 4)

    let score = ["score", pack, "--text", calibration, "--tokens", "1024"]
    let whole = try Self.result(score), fewer = try Self.result(score + ["--skip-experts"])
    #expect(whole["skipped_experts"] is NSNull)
    // About the half that was asked for, of those after each token's first.
    #expect(try abs(Self.skippedShare(fewer) - 0.49) < 0.1)
    let perplexities = try [whole, fewer].map { try #require($0["perplexity"] as? Double) }
    #expect(perplexities[0] != perplexities[1] && perplexities[1] < 1.5 * perplexities[0])
    let told = try CommandRun("swage-run", generate + ["--skip-experts"])
    #expect(told.error.contains("experts left out: "), "\(told.error)")
  }

  @Test(arguments: ["tiny/qwen3-moe", "tiny/llama"]) func aPackWithoutThresholdsIsRefused(checkpoint: String) throws {
    let folder = TemporaryFolder()
    let pack = try GoldenTests.compile(Fixtures.path(checkpoint), into: folder)
    for command in [["generate", pack, "--ids", "1"], ["score", pack, "--ids", "1,2,3"]] {
      let run = try CommandRun("swage-run", command + ["--skip-experts", "--json"])
      #expect(run.status == 64 && run.errorCode == "model.no-skipping", "\(run.error)")
      #expect(run.error.contains("the pass skip-experts"))
    }
  }
}
