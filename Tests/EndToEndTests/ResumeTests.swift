import Foundation
import TensorCore
import TestSupport
import Testing

/// A compile that is killed and begun again writes the bytes of one that was left alone.
@Suite(.serialized) struct ResumeTests {
  private static let steps = [
    "--pass", "sparsify pattern=2:4 method=wanda targets=*.mlp.up", "--pass", "quantize method=gptq bits=4 group=32 targets=*.attention.*",
    "--calibration", Fixtures.path("texts/calibration.txt"), "--calibration-sequences", "8",
    "--calibration-length", "64",
  ]

  private static func arguments(_ pack: String) -> [String] {
    ["compile", Fixtures.path("models/novelist-dense"), "-o", pack, "--threads", "2"] + steps
  }

  private static func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

  /// Starts a compile, sends it `signal` after `seconds` and waits for its end.
  /// - Returns: the exit code, or the number of the signal that ended it with a minus, and what it said.
  private func run(
    _ pack: String, signal number: Int32, after seconds: Double, json: Bool = false
  ) throws -> (status: Int32, output: String, error: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: CommandRun.productFolder + "/swage")
    process.arguments = Self.arguments(pack) + (json ? ["--json"] : [])
    let (output, error) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = error
    process.standardInput = FileHandle.nullDevice
    try process.run()
    Thread.sleep(forTimeInterval: seconds)
    kill(process.processIdentifier, number)
    let said = output.fileHandleForReading.readDataToEndOfFile()
    let complained = error.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    return (status, String(decoding: said, as: UTF8.self), String(decoding: complained, as: UTF8.self))
  }

  /// The bytes of a compile that was left alone, and the seconds it took.
  private func uninterrupted() throws -> (bytes: Data, seconds: Double) {
    let pack = TemporaryFolder().path("model.swage")
    let clock = ContinuousClock()
    var run: CommandRun?
    let duration = try clock.measure { run = try CommandRun("swage", Self.arguments(pack)) }
    try #require(run?.status == 0, "\(run?.error ?? "")")
    return (try Self.bytes(pack), duration / .seconds(1))
  }

  @Test func aKilledCompileEndsWithTheSameBytes() throws {
    let whole = try uninterrupted()
    var generator = SplitMix64(seed: 20)
    var killed = 0, resumed = 0
    for moment in 0..<20 {
      let folder = TemporaryFolder()
      let pack = folder.path("model.swage")
      // One moment in each twentieth of the run.
      let share = (Double(moment) + Double.random(in: 0..<1, using: &generator)) / 20
      let ended = try run(pack, signal: SIGKILL, after: share * whole.seconds)
      killed += ended.status == -SIGKILL ? 1 : 0
      if !FileManager.default.fileExists(atPath: pack) {
        let second = try CommandRun("swage", Self.arguments(pack))
        #expect(second.status == 0, "\(second.error)")
        resumed += second.error.contains("went on from") ? 1 : 0
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.swage"])
      }
      #expect(try Self.bytes(pack) == whole.bytes, "killed at \(share) of the run")
    }
    #expect(killed >= 15 && resumed >= 8, "\(killed) killed, \(resumed) resumed")
  }

  @Test func anInterruptedCompileSaysHowToGoOn() throws {
    let whole = try uninterrupted()
    let folder = TemporaryFolder()
    let pack = folder.path("it's a model.swage")
    let ended = try run(pack, signal: SIGINT, after: 0.6 * whole.seconds)
    #expect(ended.status == 130, "\(ended.error)")
    #expect(!FileManager.default.fileExists(atPath: pack))
    #expect(FileManager.default.fileExists(atPath: pack + ".journal"))
    let line = try #require(ended.error.split(separator: "\n").first { $0.contains("to go on from there: ") })
    let command = try #require(line.components(separatedBy: "to go on from there: ").last)
    let second = try CommandRun(script: command)
    #expect(second.status == 0 && second.error.contains("went on from"), "\(command): \(second.error)")
    #expect(try Self.bytes(pack) == whole.bytes)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["it's a model.swage"])
  }
}
