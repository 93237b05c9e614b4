import Foundation
import TensorCore
import TestSupport
import Testing

/// A compile that is killed and begun again writes the bytes of one that was left alone.
@Suite(.serialized) struct ResumeTests {
  private static let steps = [
    "--pass", "sparsify pattern=2:4 method=wanda targets=*.mlp.up",
    "--pass", "quantize method=gptq bits=4 group=32 targets=*.attention.*",
    "--calibration", Fixtures.path("texts/calibration.txt"), "--calibration-sequences", "8",
    "--calibration-length", "64",
  ]

  private static func arguments(_ pack: String) -> [String] {
    ["compile", Fixtures.path("models/novelist-dense"), "-o", pack, "--threads", "2"] + steps
  }

  private static func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

  /// Starts a compile, sends it `signal` once `isTime` says so of the seconds gone by, and waits for its end.
  /// - Returns: the exit code, or the number of the signal that ended it with a minus, and its complaints.
  private func run(
    _ pack: String, signal number: Int32, when isTime: (Double) -> Bool
  ) throws -> (status: Int32, error: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: CommandRun.productFolder + "/swage")
    process.arguments = Self.arguments(pack)
    let error = Pipe()
    process.standardOutput = FileHandle.nullDevice
    process.standardError = error
    process.standardInput = FileHandle.nullDevice
    // A child has the signal mask of the thread that starts it, and those of a test run block SIGINT.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, number)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    try process.run()
    let start = Date()
    while process.isRunning, !isTime(Date().timeIntervalSince(start)) { Thread.sleep(forTimeInterval: 0.002) }
    kill(process.processIdentifier, number)
    let complained = error.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    return (status, String(decoding: complained, as: UTF8.self))
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
    var length = whole.seconds, resumed = 0
    for moment in 0..<20 {
      let folder = TemporaryFolder()
      let pack = folder.path("model.swage")
      // One moment in each twentieth of the run.
      let share = (Double(moment) + Double.random(in: 0..<1, using: &generator)) / 20
      while try run(pack, signal: SIGKILL, when: { $0 >= share * length }).status == 0 {
        // The machine has less to do than when the length was taken: it was over before its moment came.
        try FileManager.default.removeItem(atPath: pack)
        length *= 0.9
      }
      if !FileManager.default.fileExists(atPath: pack) {
        let second = try CommandRun("swage", Self.arguments(pack))
        #expect(second.status == 0, "\(second.error)")
        resumed += second.error.contains("went on from") ? 1 : 0
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.swage"])
      }
      #expect(try Self.bytes(pack) == whole.bytes, "killed at \(share) of the run")
    }
    #expect(resumed >= 8)
  }

  @Test func anInterruptedCompileSaysHowToGoOn() throws {
    let whole = try uninterrupted()
    let folder = TemporaryFolder()
    let pack = folder.path("it's a model.swage")
    // As soon as two records stand in the log.
    var sizes: Set<Int> = []
    let ended = try run(pack, signal: SIGINT) { _ in
      let size = try? FileManager.default.attributesOfItem(atPath: pack + ".journal/log")[.size] as? Int
      if let size, size > 0 { sizes.insert(size) }
      return sizes.count > 2
    }
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
