import Foundation
import TestSupport
import Testing

/// `swage codes`: random symbols and those of a pack.
@Suite struct CodeTableTests {
  private func result(_ arguments: [String]) throws -> [String: Any] {
    let run = try CommandRun("swage", ["codes", "--json"] + arguments)
    #expect(run.status == 0, "\(run.error)")
    return try #require(run.json["result"] as? [String: Any])
  }

  /// The entropy is arithmetic, QMoE's figure its paper's and that of a program by other hands.
  @Test func randomSymbols() throws {
    let result = try result(["--zeros", "0.885", "--widths", "256,4096"])
    let lines = try #require(result["lines"] as? [[String: Any]])
    #expect(lines.map { $0["name"] as? String } == ["rows of 256", "rows of 4,096"] && result["total"] == nil)
    for line in lines {
      func figure(_ name: String) throws -> Double { try #require(line[name] as? Double) }
      let (entropy, stored) = (try figure("entropy"), try figure("stored"))
      #expect(try abs(entropy - 0.6298) < 0.003 && stored < 1.05 * entropy && figure("weights") == 1_048_576)
      #expect(try abs(figure("stored_excess") - (stored / entropy - 1)) < 1e-9)
      #expect(try abs(figure("qmoe_excess") - (figure("qmoe") / stored - 1)) < 1e-9)
    }
    #expect(abs(try #require(lines[1]["qmoe"] as? Double) - 0.7353) < 0.004)
  }

  /// Experts of a layer share a line; the total adds all of them up, as they lie in the pack.
  @Test func thePacksOwnSymbols() throws {
    let folder = TemporaryFolder()
    let pack = folder.path("m.swage")
    let compile = try CommandRun(
      "swage",
      ["compile", Fixtures.path("models/novelist-moe"), "-o", pack, "--calibration", Fixtures.path("texts/calibration.txt")]
        + ["--calibration-sequences", "4", "--pass", "pack-ternary bits-per-weight=1.2 targets=layers.0.*"])
    #expect(compile.status == 0, "\(compile.error)")
    let inspection = try CommandRun("swage", ["inspect", pack, "--json"]).json["result"] as? [String: Any]
    let tensors = try #require(inspection?["tensors"] as? [[String: Any]])
    let ternary = tensors.filter { ($0["encoding"] as? String)?.hasPrefix("ternary") == true }
    let result = try result([pack])
    let lines = try #require(result["lines"] as? [[String: Any]])
    let total = try #require(result["total"] as? [String: Any])
    #expect(!ternary.isEmpty && total["matrices"] as? Int == ternary.count && lines.count < ternary.count)
    #expect(lines.allSatisfy { ($0["name"] as? String)?.contains("*") == true })
    let weightCount = try #require(total["weights"] as? Int), stored = try #require(total["stored"] as? Double)
    #expect(lines.reduce(0) { $0 + ($1["weights"] as? Int ?? 0) } == weightCount)
    let byteCount = ternary.reduce(0) { $0 + ($1["bytes"] as? Int ?? 0) }
    #expect(abs(stored - 8 * Double(byteCount) / Double(weightCount)) < 1e-9)
    #expect(try #require(total["entropy"] as? Double) < stored)
    #expect(try CommandRun("swage", ["codes", pack]).output.contains("all"))
  }

  @Test func aPackWithoutTernaryMatricesIsRefused() throws {
    let folder = TemporaryFolder()
    let pack = folder.path("m.swage")
    #expect(try CommandRun("swage", ["compile", Fixtures.path("tiny/llama"), "-o", pack]).status == 0)
    let run = try CommandRun("swage", ["codes", pack])
    #expect(run.status == 69 && run.error.contains("codes.no-ternary"), "\(run.status) \(run.error)")
  }
}
