import Foundation
import TensorCore
import TestSupport
import Testing

/// Every ordered pair of passes, and the triples a user would try, either become a pack that runs or are refused with the
/// reason before any weight is read.
@Suite struct CompositionTests {
  static let steps: [String: String] = [
    "cast": "cast type=f16",
    "quantize": "quantize method=gptq bits=4 group=32",
    "sparsify": "sparsify pattern=2:4 method=sparsegpt",
    "factorize": "factorize method=whitened parameters=0.8",
    "correct": "factorize correction=8",
    "allocate-bits": "allocate-bits candidates=3,4,8 group=32 max-kl=1",
    "drop-blocks": "drop-blocks count=1",
    "prune-experts": "prune-experts share=0.75",
    "pack-ternary": "pack-ternary bits-per-weight=1.2",
    "skip-experts": "skip-experts share=0.5",
  ]
  /// Those that need a mixture.
  static let expertSteps: Set = ["prune-experts", "pack-ternary", "skip-experts"]

  /// Whether nothing is left for a pass to take: no dense matrix, or for a correction no quantized one.
  static func isRefused(_ names: [String]) -> Bool {
    let takesDense: Set = ["quantize", "sparsify", "factorize", "allocate-bits"]
    guard names.count == 2 else { return false }
    switch (names[0], names[1]) {
    case ("correct", _): return true
    case (let first, "correct"): return first != "quantize"
    case (let first, "pack-ternary"): return takesDense.contains(first) || first == "pack-ternary"
    case ("quantize", let second): return takesDense.contains(second)
    case ("sparsify", "sparsify"), ("sparsify", "factorize"), ("factorize", "factorize"), ("factorize", "sparsify"):
      return true
    // Of two blocks that can go one must stay.
    case ("drop-blocks", "drop-blocks"): return true
    default: return false
    }
  }

  static let pairs: [[String]] = steps.keys.sorted().flatMap { first in steps.keys.sorted().map { [first, $0] } }

  static let triples: [[String]] = [
    ["factorize", "sparsify", "quantize"], ["sparsify", "allocate-bits", "quantize"],
    ["allocate-bits", "quantize", "correct"], ["drop-blocks", "sparsify", "quantize"],
    ["drop-blocks", "allocate-bits", "quantize"], ["drop-blocks", "factorize", "quantize"],
    ["prune-experts", "allocate-bits", "quantize"], ["quantize", "prune-experts", "correct"],
    ["quantize", "correct", "quantize"], ["sparsify", "quantize", "correct"], ["factorize", "allocate-bits", "quantize"],
    ["cast", "allocate-bits", "quantize"], ["prune-experts", "pack-ternary", "quantize"],
    ["prune-experts", "skip-experts", "pack-ternary"], ["pack-ternary", "quantize", "correct"],
    ["pack-ternary", "sparsify", "quantize"],
  ]

  /// In a triple each pass has matrices of its own where two cannot share them.
  static let targets: [[String]: [String: String]] = [
    ["factorize", "sparsify", "quantize"]: ["factorize": "*.attention.*", "sparsify": "*.mlp.*"]
  ]

  private static func ids(in folder: TemporaryFolder) throws -> String {
    var generator = SplitMix64(seed: 5)
    let ids = (0..<4_096).map { _ in String(Int.random(in: 0..<512, using: &generator)) }
    let path = folder.path("calibration.ids")
    try ids.joined(separator: ",").write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  @Test(arguments: pairs + triples)
  func compilesAndRunsOrIsRefused(names: [String]) throws {
    let folder = TemporaryFolder()
    let pack = folder.path("model.swage")
    let checkpoint = names.contains(where: Self.expertSteps.contains) ? "tiny/qwen3-moe" : "tiny/llama"
    var arguments = [
      "compile", Fixtures.path(checkpoint), "-o", pack, "--json", "--calibration", try Self.ids(in: folder),
      "--calibration-sequences", "8", "--calibration-length", "64",
    ]
    for name in names {
      let targets = Self.targets[names]?[name].map { " targets=\($0)" } ?? ""
      arguments += ["--pass", try #require(Self.steps[name]) + targets]
    }
    let compiled = try CommandRun("swage", arguments)
    if Self.isRefused(names) {
      #expect(compiled.status == 64)
      let error = try #require(compiled.json["error"] as? [String: Any])
      #expect(error["code"] as? String == "passes.nothing-to-do")
      #expect((error["fix"] as? String)?.isEmpty == false)
      #expect(!FileManager.default.fileExists(atPath: pack))
      return
    }
    try #require(compiled.status == 0, "\(compiled.output)\(compiled.error)")
    let generated = try CommandRun(
      "swage-run", ["generate", pack, "--ids", "1,2,3", "--tokens", "4", "--temperature", "0", "--json"])
    #expect(generated.status == 0, "\(generated.error)")
    let ids = (generated.json["result"] as? [String: Any])?["ids"] as? [Int]
    #expect(ids?.count == 4)
  }
}
