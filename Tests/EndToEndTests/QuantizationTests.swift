import Foundation
import TestSupport
import Testing

/// What quantization costs, measured by the tools themselves and held by the ledger: size exactly, accuracy within a tolerance.
@Suite struct QuantizationTests {
  struct LedgerRow: Codable, Sendable, CustomTestStringConvertible {
    let model: String
    /// One step, or a list of `passes/`.
    let step: String?
    let list: String?
    let tokens: Int
    let fileBytes: Int
    let perplexityRatio: Double
    let klDivergence: Double
    var testDescription: String { "\(model) \(step ?? list ?? "")" }
    var arguments: [String] {
      step.map { ["--pass", $0] } ?? ["--passes", Fixtures.repository + "/passes/\(list ?? "")"]
    }
    /// Rounding with feedback differs a little between instruction sets and BLAS kernels.
    var divergenceTolerance: Double { step == nil ? 0.1 : 0.02 }
    /// Such differences are as good as another draw of rounding errors. The logarithm of a token's ratio then varies by
    /// about twice the divergence, so this is twice the standard error of the mean over all tokens.
    var ratioTolerance: Double { step == nil ? max(0.0005, 2 * (2 * klDivergence / Double(tokens)).squareRoot()) : 0.0005 }
  }

  static let ledger: [LedgerRow] = {
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: Fixtures.path("ledger.json"))) else { return [] }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return (try? decoder.decode([LedgerRow].self, from: data)) ?? []
  }()

  @Test func ledgerIsThere() {
    #expect(Set(Self.ledger.map(\.model)) == Set(GoldenTests.novelists))
  }

  @Test(arguments: ledger)
  func ledgerHolds(row: LedgerRow) throws {
    let folder = TemporaryFolder()
    let checkpoint = Fixtures.path("models/\(row.model)")
    let plan = try CommandRun("swage", ["plan", checkpoint, "--json"] + row.arguments)
    #expect((plan.json["result"] as? [String: Any])?["file_bytes"] as? Int == row.fileBytes)
    let pack = try GoldenTests.compile(checkpoint, into: folder, row.arguments)
    let size = try FileManager.default.attributesOfItem(atPath: pack)[.size] as? Int
    #expect(size == row.fileBytes)
    let verify = try CommandRun(
      "swage",
      ["verify", checkpoint, pack, "--text", Fixtures.path("texts/eval.txt"), "--tokens", "\(row.tokens)", "--json"])
    let result = try #require(verify.json["result"] as? [String: Any], "\(verify.error)")
    let ratio = try #require((result["perplexity_ratio"] as? [String: Any])?["mean"] as? Double)
    let divergence = try #require((result["kl_divergence"] as? [String: Any])?["mean"] as? Double)
    #expect(abs(ratio - row.perplexityRatio) < row.ratioTolerance)
    #expect(abs(divergence / row.klDivergence - 1) < row.divergenceTolerance)
  }

  @Test(arguments: GoldenTests.novelists)
  func eightBitsCostAtMostAFifthOfAPercent(name: String) throws {
    let row = try #require(Self.ledger.first { $0.model == name && $0.step == "quantize bits=8 group=64" })
    #expect(row.perplexityRatio <= 1.002)
  }

  @Test(arguments: GoldenTests.novelists)
  func threadCountNeverChangesThePack(name: String) throws {
    let one = TemporaryFolder(), three = TemporaryFolder()
    let step = ["--pass", "quantize bits=3 group=32"]
    let first = try GoldenTests.compile(Fixtures.path("models/\(name)"), into: one, step + ["--threads", "1"])
    let second = try GoldenTests.compile(Fixtures.path("models/\(name)"), into: three, step + ["--threads", "3"])
    #expect(try Data(contentsOf: URL(fileURLWithPath: first)) == Data(contentsOf: URL(fileURLWithPath: second)))
  }

  @Test func gateNotMetEndsWithOne() throws {
    let folder = TemporaryFolder()
    let checkpoint = Fixtures.path("models/novelist-dense")
    let pack = try GoldenTests.compile(checkpoint, into: folder, ["--pass", "quantize bits=2 group=64"])
    let run = try CommandRun(
      "swage",
      [
        "verify", checkpoint, pack, "--text", Fixtures.path("texts/eval.txt"), "--tokens", "2048",
        "--max-perplexity-increase", "1%", "--min-agreement", "0.1", "--json",
      ])
    #expect(run.status == 1)
    #expect(run.json["ok"] as? Bool == false)
    let gates = (run.json["result"] as? [String: Any])?["gates"] as? [[String: Any]]
    #expect(gates?.map { $0["met"] as? Bool } == [false, true])
  }

  /// Kills compiles at moments spread over their run: no output file may appear, and nothing but the journal stay behind.
  @Test func killedCompileLeavesOnlyItsJournal() throws {
    let folder = TemporaryFolder()
    for milliseconds in stride(from: 5, through: 400, by: 36) {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: CommandRun.productFolder + "/swage")
      process.arguments = [
        "compile", Fixtures.path("models/novelist-moe"), "--pass", "quantize bits=4 group=32", "-o",
        folder.path("model.swage"), "--no-resume",
      ]
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
      usleep(UInt32(milliseconds) * 1000)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      if process.terminationReason == .exit { break }
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(Set(names).isSubset(of: ["model.swage.journal"]))
    }
  }
}
