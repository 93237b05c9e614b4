import Foundation
import TestSupport
import Testing

/// What becomes of the journal beside an output.
@Suite struct JournalTests {
  private static let steps = ["--pass", "quantize bits=4 group=32"]

  private let folder = TemporaryFolder()
  private var pack: String { folder.path("model.swage") }
  private var journal: String { folder.path("model.swage.journal") }

  private func compile(_ arguments: [String] = Self.steps, checkpoint: String? = nil) throws -> CommandRun {
    try CommandRun(
      "swage", ["compile", checkpoint ?? Fixtures.path("models/novelist-dense"), "-o", pack, "--json"] + arguments)
  }

  /// A compile that a full disk ends in the middle: a limit on the size of a file makes writes fail as one does.
  private func stopInTheMiddle(_ arguments: String = "", kibibytes: Int = 2_000) throws -> CommandRun {
    let run = try CommandRun(
      script: """
        trap '' XFSZ; ulimit -f \(kibibytes)
        exec "$TOOLS/swage" compile fixtures/models/novelist-dense -o \(pack) --pass 'quantize bits=4 group=32' \
        \(arguments)
        """)
    try #require(run.status == 74, "\(run.error)")
    return run
  }

  private func whole() throws -> Data {
    let pack = TemporaryFolder().path("model.swage")
    let run = try CommandRun("swage", ["compile", Fixtures.path("models/novelist-dense"), "-o", pack] + Self.steps)
    try #require(run.status == 0, "\(run.error)")
    return try bytes(pack)
  }

  private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

  private func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }

  @Test func aFullDiskLeavesWhatWasDone() throws {
    let stopped = try stopInTheMiddle()
    #expect(stopped.error.contains("output.write-failed") && stopped.error.contains("model.swage.journal"))
    #expect(try names() == ["model.swage.journal"])
    let resumed = try compile()
    #expect(resumed.status == 0 && resumed.error.contains("went on from"), "\(resumed.error)")
    #expect(try bytes(pack) == whole())
    #expect(try names() == ["model.swage"])
  }

  /// Nothing is kept of a compile that did nothing yet.
  @Test func aDiskThatIsFullAtOnceLeavesNothing() throws {
    _ = try stopInTheMiddle(kibibytes: 200)
    #expect(try names() == [])
  }

  @Test func aFreshStartDropsWhatWasDone() throws {
    _ = try stopInTheMiddle()
    let fresh = try compile(Self.steps + ["--no-resume"])
    #expect(fresh.status == 0 && !fresh.error.contains("went on from"))
    #expect(try bytes(pack) == whole())
    #expect(try names() == ["model.swage"])
  }

  /// A log that is cut anywhere, and values that a failing disk spoilt, cost time and nothing else.
  @Test func aDamagedJournalIsUsedAsFarAsItGoes() throws {
    let whole = try whole()
    _ = try stopInTheMiddle()
    let kept = TemporaryFolder().path("kept")
    try FileManager.default.copyItem(atPath: journal, toPath: kept)
    let log = try bytes(kept + "/log"), values = try bytes(kept + "/values")
    try #require(log.count > 1_000 && values.count > 1_000_000)
    func expectTheSame(_ what: String, resumes: Bool?) throws {
      let run = try compile(Self.steps + ["--force"])
      #expect(run.status == 0, "\(what): \(run.error)")
      if let resumes { #expect(run.error.contains("went on from") == resumes, "\(what)") }
      #expect(try bytes(pack) == whole, "\(what)")
    }
    for cut in [0, 10, 200, log.count / 2, log.count - 1] {
      try FileManager.default.createDirectory(atPath: journal, withIntermediateDirectories: true)
      try log.prefix(cut).write(to: URL(fileURLWithPath: journal + "/log"))
      try values.write(to: URL(fileURLWithPath: journal + "/values"))
      try expectTheSame("log of \(cut) bytes", resumes: cut <= 200 ? false : true)
    }
    for place in [100, values.count / 2] {
      try FileManager.default.createDirectory(atPath: journal, withIntermediateDirectories: true)
      try log.write(to: URL(fileURLWithPath: journal + "/log"))
      var spoilt = values
      spoilt[place] ^= 0x40
      try spoilt.write(to: URL(fileURLWithPath: journal + "/values"))
      try expectTheSame("byte \(place) of the values", resumes: nil)
    }
    try FileManager.default.createDirectory(atPath: journal, withIntermediateDirectories: true)
    try log.write(to: URL(fileURLWithPath: journal + "/log"))
    try values.prefix(1_000).write(to: URL(fileURLWithPath: journal + "/values"))
    try expectTheSame("values cut", resumes: nil)
  }

  @Test func aJournalOfAnotherCompileIsRefused() throws {
    _ = try stopInTheMiddle()
    func expectRefusal(_ arguments: [String], checkpoint: String? = nil, _ words: String) throws {
      let run = try compile(arguments, checkpoint: checkpoint)
      #expect(run.status == 65 && run.errorCode == "journal.other-compile", "\(words): \(run.error)")
      #expect(run.error.contains(words) && run.error.contains("--no-resume"), "\(run.error)")
    }
    try expectRefusal(["--pass", "quantize bits=3 group=32"], "its step 1 is quantize")
    try expectRefusal(Self.steps + ["--pass", "cast type=f16 targets=*_norm"], "its step 2 is missing")
    let isa = try #require(try compile(Self.steps + ["--isa", "scalar"]).json["error"] as? [String: Any])
    #expect((isa["why"] as? String)?.hasPrefix("its instruction set is") == true)
    let checkpoint = try ScratchCheckpoint("models/novelist-dense")
    for name in ["generation_config.json", "tokenizer.json", "tokenizer_config.json"] {
      try FileManager.default.copyItem(
        atPath: Fixtures.path("models/novelist-dense/\(name)"), toPath: checkpoint.folder.path(name))
    }
    // Same name and size, one other weight at the front of the file.
    try checkpoint.poke("lm_head.weight", elements: Array(0..<200_000), bits: 0x3C00)
    try expectRefusal(Self.steps, checkpoint: checkpoint.path, "its file model.safetensors is")
    // Refusals take nothing away.
    let resumed = try compile()
    #expect(resumed.status == 0 && resumed.error.contains("went on from"))
  }

  @Test func aJournalOfAnotherCalibrationIsRefused() throws {
    func arguments(_ text: String, _ length: Int) -> [String] {
      [
        "--pass", "quantize method=gptq bits=4 group=32", "--calibration", Fixtures.path("texts/\(text)"),
        "--calibration-sequences", "4", "--calibration-length", String(length),
      ]
    }
    let calibration = arguments("calibration.txt", 64).dropFirst(2).joined(separator: " ")
    let stopped = try CommandRun(
      script: """
        trap '' XFSZ; ulimit -f 2000
        exec "$TOOLS/swage" compile fixtures/models/novelist-dense -o \(pack) \
        --pass 'quantize method=gptq bits=4 group=32' \(calibration)
        """)
    try #require(stopped.status == 74, "\(stopped.error)")
    let text = try compile(arguments("eval.txt", 64))
    #expect(text.status == 65 && text.error.contains("its calibration text is"), "\(text.error)")
    let length = try compile(arguments("calibration.txt", 65))
    #expect(length.status == 65 && length.error.contains("its calibration is sequences=4 length=64"), "\(length.error)")
    let same = try compile(arguments("calibration.txt", 64))
    #expect(same.status == 0 && same.error.contains("went on from"), "\(same.error)")
  }

  @Test func aJournalThatCannotBeMadeIsRefused() throws {
    try Data("a file".utf8).write(to: URL(fileURLWithPath: journal))
    let run = try compile()
    #expect(run.status == 73 && run.error.contains("model.swage.journal"), "\(run.error)")
    #expect(try names() == ["model.swage.journal"] && bytes(journal) == Data("a file".utf8))
  }

  @Test func aFailureThatWouldRepeatLeavesNothing() throws {
    let checkpoint = try ScratchCheckpoint("models/novelist-dense")
    try checkpoint.poke("model.layers.6.mlp.down_proj.weight", element: 5, bits: 0x7FC0)
    let run = try compile(checkpoint: checkpoint.path)
    #expect(run.status == 65 && run.errorCode == "weights.not-finite")
    #expect(try names() == [])
  }
}
