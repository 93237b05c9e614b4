import Foundation
import TestSupport
import Testing

/// Options and their values: what is accepted, and what is said of the rest.
@Suite struct CommandOptionTests {
  private static let llama = Fixtures.path("tiny/llama")
  private static let dense = Fixtures.path("models/novelist-dense")

  private func pack(_ checkpoint: String = Self.llama) throws -> String {
    let path = TemporaryFolder().path("model.swage")
    #expect(try CommandRun("swage", ["compile", checkpoint, "-o", path]).status == 0)
    return path
  }

  @Test func sharesAreTakenAsPercentages() throws {
    let pack = try pack()
    func gate(_ arguments: [String]) throws -> Double? {
      let run = try CommandRun(
        "swage", ["verify", Self.llama, pack, "--ids", "1,2,3,4,5,6,7,8", "--json"] + arguments)
      #expect(run.status == 0, "\(run.error)")
      let gates = (run.json["result"] as? [String: Any])?["gates"] as? [[String: Any]]
      return gates?.first?["limit"] as? Double
    }
    #expect(try gate(["--min-agreement", "85%"]) == gate(["--min-agreement", "0.85"]))
    #expect(try gate(["--min-agreement", "85%"]) == 0.85)
    #expect(try gate(["--max-perplexity-increase", "2%"]) == gate(["--max-perplexity-increase", "0.02"]))
    let tooMuch = try CommandRun(
      "swage", ["verify", Self.llama, pack, "--ids", "1,2,3", "--min-agreement", "85"])
    #expect(tooMuch.status == 64 && tooMuch.error.contains("0% to 100%"), "\(tooMuch.error)")
  }

  @Test(arguments: [
    ("swage", ["verify", "a", "b", "--ids", "1,2", "--window", "-3"], "--window takes a number from 2, not -3"),
    ("swage", ["verify", "a", "b", "--ids", "1,2", "--max-kl", "-1"], "--max-kl takes a number from 0, not -1.0"),
    ("swage", ["verify", "a", "b", "--ids", "1,2", "--min-agreement", "-1"], "'-1' is invalid for '--min-agreement"),
    ("swage", ["compile", "a", "-o", "b", "--memory", "-1"], "'-1' is invalid for '--memory"),
    ("swage", ["compile", "a", "-o", "b", "--threads", "-1"], "--threads takes a number from 1 to 1024, not -1"),
    ("swage", ["plan", "a", "--seed", "-1"], "'seed' of calibration cannot be '-1'"),
    ("swage", ["plan", "a", "--calibration-sequences", "0"], "'sequences' of calibration cannot be '0'"),
    ("swage-run", ["generate", "a", "--ids", "1", "--tokens", "-1"], "--tokens takes a number above 0, not -1"),
    ("swage-run", ["score", "a", "--ids", "1,2", "--tokens", "-1"], "--tokens takes a number from 2, not -1"),
    ("swage-run", ["bench", "a", "--repetitions", "-1"], "--repetitions takes a number above 0, not -1"),
  ])
  func negativeValuesAreNamed(tool: String, arguments: [String], words: String) throws {
    let run = try CommandRun(tool, arguments)
    #expect(run.status == 64 && run.error.contains(words), "\(run.error)")
  }

  @Test func aPromptBeyondTheContextIsAUsageError() throws {
    let pack = try pack()
    for (option, other) in [("--prompt-tokens", "--generate-tokens"), ("--generate-tokens", "--prompt-tokens")] {
      let run = try CommandRun("swage-run", ["bench", pack, option, "100000", other, "8"])
      #expect(run.status == 64 && run.error.contains("\(option) takes at most the"), "\(run.error)")
    }
  }

  @Test func oneScoredTokenHasNoInterval() throws {
    let pack = try pack()
    let one = try CommandRun("swage-run", ["score", pack, "--ids", "1,2"])
    #expect(one.status == 0 && !one.output.contains("±") && one.output.contains("1 tokens scored"), "\(one.output)")
    let document = try CommandRun("swage-run", ["score", pack, "--ids", "1,2", "--json"]).json
    #expect((document["result"] as? [String: Any])?["perplexity_standard_error"] is NSNull)
    #expect(try CommandRun("swage-run", ["score", pack, "--ids", "1,2,3"]).output.contains("±"))
  }

  // MARK: - Calibration

  private static let gptq = ["--pass", "quantize method=gptq bits=4 group=32"]

  @Test func calibrationIsCheckedBeforeAnyWeight() throws {
    let folder = TemporaryFolder()
    func file(_ name: String, _ text: String) throws -> String {
      try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path(name)))
      return folder.path(name)
    }
    let short = "It was a dark and stormy night; the rain fell in torrents, except at occasional intervals, when it"
    let repeated = String(repeating: "the ", count: 20_000)
    let cases: [(arguments: [String], status: Int32, code: String)] = [
      ([], 64, "passes.needs-calibration"),
      (["--calibration", folder.path("none.txt")], 66, "file.not-found"),
      (["--calibration", try file("empty.txt", "")], 65, "calibration.empty"),
      (["--calibration", try file("short.txt", short)], 65, "calibration.too-short"),
      (["--calibration", try file("repeated.txt", repeated)], 65, "calibration.monotonous"),
      (["--calibration", try file("a.jsonl", "{\"text\": 3}\n")], 65, "calibration.field-not-text"),
      (
        ["--calibration", try file("b.jsonl", "{\"text\": \"a\"}\n"), "--calibration-field", "body"], 65,
        "calibration.field-missing"
      ),
      (
        ["--calibration", Fixtures.path("texts/calibration.txt"), "--calibration-length", "100000"], 65,
        "calibration.length-out-of-range"
      ),
    ]
    for (arguments, status, code) in cases {
      let plan = try CommandRun("swage", ["plan", Self.dense, "--json"] + Self.gptq + arguments)
      #expect(plan.status == status && plan.errorCode == code, "\(arguments): \(plan.error)")
      try BadInputTests.refuses(Self.dense, Self.gptq + arguments, status: status, code: code)
    }
    // Where no pass needs it, a text is not even looked at.
    let unused = try CommandRun("swage", ["plan", Self.dense, "--calibration", folder.path("none.txt")])
    #expect(unused.status == 0, "\(unused.error)")
  }

  @Test func textsOfTasksAreToldApart() throws {
    let text = Fixtures.path("texts/calibration.txt")
    func plan(_ texts: [String], sequences: Int = 8) throws -> CommandRun {
      let sampling = ["--calibration-sequences", "\(sequences)", "--calibration-length", "32", "--json"]
      return try CommandRun(
        "swage", ["plan", Self.dense] + texts.flatMap { ["--calibration", $0] } + Self.gptq + sampling)
    }
    // A pass that does not tell tasks apart uses all.
    for texts in [["summaries=\(text)"], ["summaries=\(text)", "code=\(text)"]] {
      let run = try plan(texts)
      #expect(run.status == 0, "\(run.error)")
      let printed = (run.json["result"] as? [String: Any])?["pass_list"] as? String ?? ""
      #expect(printed.contains(#"tasks: { "summaries": "\#(text)""#), "\(printed)")
    }
    for (texts, words) in [
      ([text, text], "--calibration is given 2 times"), (["a=\(text)", text], "--calibration is given 2 times"),
      (["a=\(text)", "a=\(text)"], "calibration is given 'a' twice"), (["=\(text)"], "'tasks' of calibration cannot be"),
      (["auto=\(text)"], "'tasks' of calibration cannot be"), (["a="], "'tasks' of calibration cannot be"),
    ] {
      let run = try plan(texts)
      #expect(run.status == 64 && run.error.contains(words), "\(run.error)")
    }
    let missing = try plan(["a=\(text)", "b=nowhere.txt"])
    #expect(missing.status == 66 && missing.error.contains("nowhere.txt"), "\(missing.error)")
    let few = try plan(["a=\(text)", "b=\(text)"], sequences: 1)
    #expect(few.status == 64 && few.errorCode == "calibration.fewer-sequences-than-tasks", "\(few.error)")
    let profiles = ["--pass", "prune-experts share=0.5 profiles=true"]
    let one = try CommandRun(
      "swage", ["plan", Fixtures.path("models/novelist-moe"), "--calibration", "a=\(text)", "--json"] + profiles)
    #expect(one.status == 64 && one.errorCode == "passes.needs-tasks", "\(one.error)")
  }

  /// A file of the whole name goes before a task, behind the @ of ids too.
  @Test func aFileWithASignInItsNameIsAFile() throws {
    let folder = TemporaryFolder()
    for argument in ["run=1.ids", "@run=1.ids"] {
      let run = try CommandRun(
        script: """
          cd '\(folder.path(""))' && seq 1 3000 > run=1.ids
          "$TOOLS/swage" plan '\(Self.dense)' --calibration \(argument) --calibration-sequences 8 \
            --calibration-length 32 --json --pass 'quantize method=gptq bits=4 group=32'
          """)
      #expect(run.status == 0, "\(run.error) \(run.output)")
    }
  }

  @Test func theCommandLineOverridesTheList() throws {
    let folder = TemporaryFolder()
    let list = folder.path("list.yaml")
    let text = """
      version: 1
      calibration: { text: missing.jsonl, field: body, sequences: 100000, seed: 7 }
      passes:
        - quantize: { method: gptq, bits: 4, group: 32 }
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: list))
    let plan = try CommandRun(
      "swage",
      [
        "plan", Self.dense, "--passes", list, "--calibration", Fixtures.path("texts/calibration.txt"),
        "--calibration-sequences", "8", "--calibration-length", "32", "--json",
      ])
    #expect(plan.status == 0, "\(plan.error)")
    let printed = (plan.json["result"] as? [String: Any])?["pass_list"] as? String ?? ""
    #expect(printed.contains("sequences: 8, length: 32, seed: 7 }") && !printed.contains("field"), "\(printed)")
  }

  @Test func memoryThatCalibrationCannotKeepIsRefused() throws {
    let arguments =
      Self.gptq + [
        "--calibration", Fixtures.path("texts/calibration.txt"), "--calibration-sequences", "8",
        "--calibration-length", "64", "--memory", "60MiB",
      ]
    try BadInputTests.refuses(Self.dense, arguments, status: 75, code: "compile.memory-limit")
  }

  // MARK: - Files in odd places

  /// What a list says reaches the pack, where it and its texts lie does not.
  @Test func packsDoNotDependOnFolders() throws {
    let text = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("texts/eval.txt"))).prefix(20_000)
    func compiled(_ textFolder: String) throws -> Data {
      let folder = TemporaryFolder()
      try FileManager.default.createDirectory(atPath: folder.path("texts"), withIntermediateDirectories: true)
      for name in ["eval.txt", "texts/eval.txt"] { try text.write(to: URL(fileURLWithPath: folder.path(name))) }
      let place = textFolder == "absolute" ? folder.path("texts/") : textFolder
      let list = """
        version: 1
        calibration: { text: "\(place)eval.txt" }
        passes:
          - quantize: { bits: 4, group: 32 }
        verify: { text: "\(place)eval.txt", tokens: 300 }
        """
      try Data(list.utf8).write(to: URL(fileURLWithPath: folder.path("list.yaml")))
      let pack = folder.path("model.swage")
      let run = try CommandRun("swage", ["compile", Self.dense, "--passes", folder.path("list.yaml"), "-o", pack])
      #expect(run.status == 0, "\(run.error)")
      return try Data(contentsOf: URL(fileURLWithPath: pack))
    }
    let first = try compiled("")
    #expect(try compiled("texts/") == first)
    #expect(try compiled("absolute") == first)
    #expect(!String(decoding: first, as: UTF8.self).contains("swage-tests"))
  }

  @Test func whatIsNoFileIsNotWaitedFor() throws {
    for name in ["config.json", "model.safetensors"] {
      let checkpoint = try ScratchCheckpoint()
      try FileManager.default.removeItem(atPath: checkpoint.folder.path(name))
      #expect(mkfifo(checkpoint.folder.path(name), 0o600) == 0)
      let pipe = try CommandRun("swage", ["inspect", checkpoint.path, "--json"])
      #expect(pipe.status == 66 && pipe.errorCode == "file.not-regular", "\(name): \(pipe.error)")
      try FileManager.default.removeItem(atPath: checkpoint.folder.path(name))
      try FileManager.default.createDirectory(atPath: checkpoint.folder.path(name), withIntermediateDirectories: true)
      let folder = try CommandRun("swage", ["inspect", checkpoint.path, "--json"])
      #expect(folder.status == 66 && folder.errorCode == "file.is-directory", "\(name): \(folder.error)")
    }
  }
}
