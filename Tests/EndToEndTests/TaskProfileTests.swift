import ByteIO
import DecodeKernels
import Diagnostics
import Foundation
import PackFormat
import PackRuntime
import Parallelism
import TensorCore
import TestSupport
import Testing

/// Several sets of experts in one pack, from texts of tasks to a model that reads one of them.
@Suite struct TaskProfileTests {
  private static let context = KernelContext(pool: WorkerPool(threadCount: 2))
  private static let model = Fixtures.path("models/novelist-moe")
  private static let prose = Fixtures.path("texts/calibration.txt")
  private static let code = Fixtures.path("tokenizers/make.py")
  private static let keptCount = 4

  /// A pack of both tasks, and the one that pruning for each alone makes.
  private static let packs: (tasks: String, prose: String, code: String)? = {
    let folder = TemporaryFolder()
    func compile(_ name: String, _ arguments: [String]) -> String? {
      let run = try? CommandRun(
        "swage",
        ["compile", model, "-o", folder.path(name), "--calibration-length", "48", "--threads", "2"] + arguments)
      return run?.status == 0 ? folder.path(name) : nil
    }
    let step = "prune-experts count=\(keptCount) metric=tcess"
    guard
      let tasks = compile(
        "tasks.swage",
        [
          "--pass", step + " profiles=true", "--calibration", "prose=\(prose)", "--calibration", "code=\(code)",
          "--calibration-sequences", "48",
        ]),
      let first = compile("a.swage", ["--pass", step, "--calibration", prose, "--calibration-sequences", "24"]),
      let second = compile("b.swage", ["--pass", step, "--calibration", code, "--calibration-sequences", "24"])
    else { return nil }
    return (tasks, first, second)
  }()

  private static func open(
    _ path: String, _ task: TaskSelection = .all, expertMemory: ExpertMemoryLimit? = nil
  ) throws -> PackedModel {
    try PackedModel.open(path: path, context: context, task: task, expertMemory: expertMemory)
  }

  private static func logits(_ model: PackedModel, _ ids: [Int]) throws -> [Float] {
    var logits: [Float] = []
    try model.executor.forward(ids, cache: model.executor.makeCache(), logits: .all) { _, row in
      for index in row.indices { logits.append(row[index]) }
    }
    return logits
  }

  /// The beginning of a text that nothing was calibrated on.
  private static func text(_ path: String, from start: Int = 2_000, count: Int = 600) throws -> String {
    String(try String(contentsOfFile: path, encoding: .utf8).dropFirst(start).prefix(count))
  }

  private static func ids(_ model: PackedModel) throws -> [Int] {
    try model.ids(text: text(Fixtures.path("texts/eval.txt"), count: 300))
  }

  @Test func aTaskIsTheModelPrunedForItAlone() throws {
    let packs = try #require(Self.packs)
    let union = try Self.open(packs.tasks), stored = union.graph.mixtures.map(\.mixture.expertCount)
    #expect(stored.contains { $0 > Self.keptCount } && union.taskChoice == nil)
    let ids = try Self.ids(union), whole = try Self.logits(union, ids)
    var results: [[Float]] = []
    for (task, path) in [("prose", packs.prose), ("code", packs.code)] {
      let selected = try Self.open(packs.tasks, .named(task)), alone = try Self.open(path)
      #expect(selected.graph == alone.graph && selected.taskChoice?.name == task)
      #expect(selected.graph.mixtures.allSatisfy { $0.mixture.expertCount == Self.keptCount })
      let actual = try Self.logits(selected, ids), expected = try Self.logits(alone, ids)
      let largest = try #require(expected.map(abs).max())
      #expect(zip(actual, expected).allSatisfy { abs($0 - $1) <= 1e-5 * largest })
      #expect(actual != whole)
      results.append(actual)
      // The same experts, read when they are needed.
      let resident = try Self.open(packs.tasks, .named(task), expertMemory: .share(0.5))
      #expect(try Self.logits(resident, ids) == actual)
    }
    #expect(results[0] != results[1])
    let sizes = try [packs.tasks, packs.prose, packs.code].map { try PackReader(path: $0).byteCount }
    #expect(sizes[0] > max(sizes[1], sizes[2]) && sizes[0] < sizes[1] + sizes[2])
  }

  @Test func theNearestTaskIsThatOfThePrompt() throws {
    let packs = try #require(Self.packs)
    for (task, path) in [("prose", Fixtures.path("texts/eval.txt")), ("code", Fixtures.path("make-checkpoint.py"))] {
      let text = try Self.text(path)
      let model = try Self.open(packs.tasks, .nearest(to: .text(text)))
      let choice = try #require(model.taskChoice)
      let distances = choice.distances.sorted { $0.value < $1.value }
      #expect(choice.name == task && choice.distances.map(\.task) == ["prose", "code"], "\(choice.note ?? "")")
      #expect(distances[0].task == task && distances[0].value > 0 && 1.5 * distances[0].value < distances[1].value)
      #expect(try model.graph == Self.open(packs.tasks, .named(task)).graph)
      let ids = try model.ids(of: .text(text))
      #expect(try Self.open(packs.tasks, .nearest(to: .ids(ids))).taskChoice == choice)
      let run = try CommandRun(
        "swage-run",
        ["generate", packs.tasks, "--task", "auto", "--prompt=\(text)", "--tokens", "4", "--seed", "1", "--json"])
      #expect((run.json["result"] as? [String: Any])?["task"] as? String == task, "\(run.error)")
      #expect(run.error.contains("task \(task): distances"))
    }
    #expect(throws: (any Error).self) { try Self.open(packs.tasks, .nearest(to: .ids([]))) }
    #expect(throws: (any Error).self) { try Self.open(packs.tasks, .nearest(to: .ids([1 << 20]))) }
    #expect(throws: (any Error).self) {
      try Self.open(packs.tasks, .nearest(to: .ids([Int](repeating: 5, count: 1_025))))
    }
  }

  /// The text that a task was calibrated on has just the signature that the pack says.
  @Test func theSignatureIsWhatTheRuntimeSees() throws {
    let folder = TemporaryFolder(), length = 64
    let texts = [(0..<length).map { 3 + 7 * $0 % 900 }, (0..<length).map { 5 + 11 * $0 % 800 }]
    for (name, ids) in zip(["a", "b"], texts) {
      try ids.map(String.init).joined(separator: " ").write(
        toFile: folder.path(name + ".ids"), atomically: true, encoding: .utf8)
    }
    let pack = folder.path("m.swage")
    let run = try CommandRun(
      "swage",
      ["compile", Self.model, "-o", pack, "--pass", "prune-experts count=3 profiles=true", "--calibration-sequences", "2"]
        + ["--calibration-length", "\(length)", "--calibration", "a=\(folder.path("a.ids"))"]
        + ["--calibration", "b=\(folder.path("b.ids"))"])
    #expect(run.status == 0, "\(run.error)")
    for (index, ids) in texts.enumerated() {
      let choice = try #require(try Self.open(pack, .nearest(to: .ids(ids))).taskChoice)
      #expect(choice.distances[index].value < 1e-5 && choice.distances[1 - index].value > 1e-3, "\(choice.distances)")
    }
  }

  /// Damage in an expert that a task does not use is no business of it.
  @Test func expertsOfOtherTasksAreLeftAlone() throws {
    let packs = try #require(Self.packs)
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: packs.tasks)))
    let reader = try PackReader(InMemoryBytes(bytes), path: "a")
    let used = Set(try Self.open(packs.tasks, .named("prose")).graph.parameters.map(\.name))
    let other = try #require(reader.parameters.first { !used.contains($0.parameter.name) })
    #expect(other.parameter.role == "expert")
    bytes[reader.sections[other.placement.section].range.lowerBound + 5] ^= 1
    func logits(_ task: TaskSelection) throws -> [Float] {
      let model = try PackedModel(PackReader(InMemoryBytes(bytes), path: "a"), context: Self.context, task: task)
      return try Self.logits(model, Self.ids(model))
    }
    let intact = try Self.open(packs.tasks, .named("prose"))
    #expect(try logits(.named("prose")) == Self.logits(intact, Self.ids(intact)))
    let prompt = try Self.text(Fixtures.path("texts/eval.txt"))
    #expect(try !logits(.nearest(to: .text(prompt))).isEmpty)
    for task in [TaskSelection.all, .named("code")] {
      let error = try #require(throws: PackFileError.self) { try logits(task) }
      #expect(error.fact == .sectionChecksum(other.placement.section, .parameters))
    }
  }

  @Test func infoListsTheTasks() throws {
    let packs = try #require(Self.packs)
    let run = try CommandRun("swage-run", ["info", packs.tasks, "--json"])
    let tasks = try #require((run.json["result"] as? [String: Any])?["tasks"] as? [[String: Any]])
    #expect(tasks.compactMap { $0["name"] as? String } == ["prose", "code"])
    let stored = try Self.open(packs.tasks).graph.mixtures.map(\.mixture.expertCount)
    for task in tasks {
      #expect(task["experts"] as? [Int] == [4, 4, 4, 4] && task["stored_experts"] as? [Int] == stored)
      // Four layers of four experts of three matrices of 256 × 256 in bf16.
      #expect(task["expert_bytes"] as? Int == 4 * 4 * 3 * 256 * 256 * 2)
    }
    #expect(try CommandRun("swage-run", ["info", packs.tasks]).output.contains("task prose"))
    #expect(run.output.contains(#"tasks: { \"prose\": \"calibration.txt\", \"code\": \"make.py\" }"#))
    let plain = try CommandRun("swage-run", ["info", packs.prose, "--json"])
    #expect(((plain.json["result"] as? [String: Any])?["tasks"] as? [Any])?.isEmpty == true)
    let score = try CommandRun(
      "swage-run", ["score", packs.tasks, "--task", "prose", "--text", Self.code, "--tokens", "200", "--json"])
    #expect(score.status == 0, "\(score.error)")
  }

  @Test func tasksThatAreNotThereAreNamed() throws {
    let packs = try #require(Self.packs)
    for arguments in [["generate", packs.tasks, "--ids", "1,2"], ["score", packs.tasks, "--ids", "1,2,3"]] {
      let run = try CommandRun("swage-run", arguments + ["--task", "prosa", "--json"])
      #expect(run.status == 64 && run.errorCode == "model.unknown-task", "\(run.error)")
      #expect(run.error.contains("its tasks are prose, code") && run.error.contains("did you mean 'prose'?"))
    }
    for task in ["prose", "auto"] {
      let run = try CommandRun("swage-run", ["generate", packs.prose, "--ids", "1,2", "--task", task, "--json"])
      #expect(run.status == 64 && run.errorCode == "model.no-tasks", "\(run.error)")
    }
  }

  // MARK: - Hostile manifests

  /// The pack with other tasks in its manifest.
  private func withTasks(_ tasks: [PackTask], _ source: PackReader) throws -> PackReader {
    var manifest = source.manifest
    manifest.tasks = tasks
    let contents = PackContents(
      manifest: manifest, graphText: source.graphText, tokenizer: source.tokenizer, chatTemplate: source.chatTemplate)
    let path = TemporaryFolder().path("a.swage")
    let writer = try PackWriter(PackLayout(contents), to: AtomicFileWriter(path: path))
    for parameter in source.parameters { try writer.append(source.bytes(of: parameter)) }
    try writer.finishDraft(sourceDigests: source.sourceDigests)
    try writer.commit()
    return try PackReader(path: path)
  }

  @Test func tasksThatTheGraphDoesNotAllowAreRefused() throws {
    let folder = TemporaryFolder(), path = folder.path("a.swage")
    #expect(try CommandRun("swage", ["compile", Fixtures.path("tiny/qwen3-moe"), "-o", path]).status == 0)
    let source = try PackReader(path: path)
    let mixtures = try PackedModel(source, context: Self.context).graph.mixtures.map(\.mixture)
    let count = mixtures[0].expertCount, active = mixtures[0].activeCount
    try #require(active > 1 && mixtures.count > 1)
    let all = mixtures.map { _ in Array(0..<count) }, signature = [Float](repeating: 0, count: count)
    let valid = PackTask(name: "a", experts: all, signature: signature)
    let fine = try PackedModel(withTasks([valid], source), context: Self.context, task: .named("a"))
    #expect(fine.graph.mixtures.map(\.mixture) == mixtures)
    let cases: [(PackTask, String)] = [
      (PackTask(name: "a", experts: all + [[0, 1]], signature: signature), "the experts of \(mixtures.count + 1) mixtures"),
      (PackTask(name: "a", experts: Array(all.dropLast()), signature: signature), "mixtures, the graph has"),
      (PackTask(name: "a", experts: [all[0] + [count]] + all.dropFirst(), signature: signature), "none of the \(count)"),
      (
        PackTask(name: "a", experts: [Array(0..<active - 1)] + all.dropFirst(), signature: signature),
        "which chooses \(active)"
      ),
      (PackTask(name: "a", experts: all, signature: signature + [0]), "\(count + 1) figures for \(count) experts"),
      (PackTask(name: "a", experts: all, signature: [0]), "1 figures for \(count) experts"),
    ]
    for (task, words) in cases {
      let reader = try withTasks([valid, PackTask(name: "b", experts: task.experts, signature: task.signature)], source)
      // Whether or not the task is asked for, and where nothing is bound.
      for open in [
        { _ = try PackedModel(reader, context: Self.context) },
        { _ = try PackedModel(reader, context: Self.context, task: .named("a")) }, { _ = try PackSummary(reader) },
      ] {
        let error = try #require(throws: PackModelError.self) { try open() }
        #expect(error.diagnosis.code == "model.task-differs" && error.diagnosis.status == .malformedInput)
        #expect(error.diagnosis.why.contains(words) && error.diagnosis.place.hasSuffix("task b"), "\(error.diagnosis)")
      }
    }
    let dense = folder.path("dense.swage")
    #expect(try CommandRun("swage", ["compile", Fixtures.path("tiny/llama"), "-o", dense]).status == 0)
    let task = try withTasks([PackTask(name: "a", experts: [[0]], signature: [1])], PackReader(path: dense))
    #expect(throws: PackModelError.self) { try PackedModel(task, context: Self.context) }
  }

  // MARK: - Journal

  /// A compile that ends after the choice of experts goes on with the same tasks.
  @Test func tasksOutliveACompileThatIsEndedEarly() throws {
    let folder = TemporaryFolder(), pack = folder.path("a.swage")
    func arguments(_ output: String, _ tasks: [String]) -> String {
      """
      compile fixtures/models/novelist-moe -o \(output) --pass 'prune-experts share=0.5 profiles=true' \
      --pass 'quantize bits=8 group=64' --calibration-sequences 4 --calibration-length 32 \
      \(tasks.map { "--calibration \($0)" }.joined(separator: " "))
      """
    }
    let tasks = ["prose=\(Self.prose)", "code=\(Self.code)"]
    func run(_ output: String, _ tasks: [String], limit: Int? = nil) throws -> CommandRun {
      let guarding = limit.map { "trap '' XFSZ; ulimit -f \($0); " } ?? ""
      return try CommandRun(script: "\(guarding)exec \"$TOOLS/swage\" \(arguments(output, tasks))")
    }
    let whole = folder.path("whole.swage")
    #expect(try run(whole, tasks).status == 0)
    let stopped = try run(pack, tasks, limit: 2_000)
    try #require(stopped.status == 74, "\(stopped.error)")
    // The same texts under other names, or in another order, are another compile.
    for other in [["prosa=\(Self.prose)", tasks[1]], [tasks[1], tasks[0]], ["prose=\(Self.code)", "code=\(Self.prose)"]] {
      let refused = try run(pack, other)
      #expect(refused.status == 65 && refused.error.contains("its calibration text 1"), "\(refused.error)")
    }
    let resumed = try run(pack, tasks)
    #expect(resumed.status == 0 && resumed.error.contains("went on from"), "\(resumed.error)")
    let bytes = { (path: String) in try Data(contentsOf: URL(fileURLWithPath: path)) }
    #expect(try bytes(pack) == bytes(whole))
    #expect(try PackSummary(path: pack).tasks.map(\.name) == ["prose", "code"])
  }
}
