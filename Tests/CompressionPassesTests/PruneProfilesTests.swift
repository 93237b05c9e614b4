import CheckpointImport
import CompressionPasses
import DecodeKernels
import Diagnostics
import Foundation
import ModelGraph
import ModelIR
import Parallelism
import PassKit
import TestSupport
import Testing

/// Experts chosen for each task.
@Suite struct PruneProfilesTests {
  private static let context = KernelContext(pool: WorkerPool(threadCount: 1))

  /// A sweep over texts of tasks that says what it is told of routing, and of nothing else.
  private final class StatedTasks: FixedCalibration {
    private let scores: (Int, Int, Int) -> Double
    private var next = 0

    /// - Parameter scores: by task, mixture and expert, what every sum comes to.
    init(_ taskNames: [String], _ scores: @escaping (Int, Int, Int) -> Double) {
      self.scores = scores
      super.init(taskNames: taskNames)
    }

    override func restart(on model: Model) { next = 0 }

    override func mixtureUses(in block: Block, of model: Model) -> [MixtureUse] {
      block.mixtures.map { mixture in
        defer { next += 1 }
        return MixtureUse(
          ofTasks: taskNames.indices.map { task in
            MixtureUse(
              router: mixture.router, tokenCount: 10,
              experts: (0..<mixture.expertCount).map { expert in
                var use = ExpertUse()
                use.tokenCount = 1
                use.outputSum = scores(task, next, mixture.number(expert))
                use.probabilitySum = use.outputSum
                use.energy = use.outputSum
                use.gateSum = use.outputSum
                use.chosenProbabilitySum = use.outputSum
                return use
              })
          })
      }
    }
  }

  private func run(
    _ steps: [String], on model: Model, _ calibration: StatedTasks
  ) throws -> (model: Model, reports: [StepReport]) {
    let result = try PassManager(context: Self.context, store: MemoryStore(), calibration: calibration)
      .run(PassStep.steps(steps), on: model)
    try result.model.verify()
    return result
  }

  /// Rising scores for one task, falling ones for the other; in the second layer both alike.
  private static var opposite: StatedTasks {
    StatedTasks(["up", "down"]) { task, mixture, expert in
      Double(task == 0 || mixture == 1 ? expert + 1 : 100 - expert)
    }
  }

  @Test func everyTaskKeepsItsOwn() throws {
    let model = try Checkpoint.open(path: Fixtures.path("tiny/olmoe")).model
    let mixtures = model.graph.mixtures.map(\.mixture), count = mixtures[0].expertCount
    let active = mixtures[0].activeCount, kept = active + 1
    try #require(2 * kept < count && mixtures.count > 1)
    let result = try run(["prune-experts count=\(kept) profiles=true"], on: model, Self.opposite)
    let stored = result.model.graph.mixtures.map(\.mixture), profiles = result.model.profiles
    #expect(stored[0].numbers == Array(0..<kept) + Array(count - kept..<count))
    #expect(stored[1].numbers == Array(count - kept..<count) && stored[0].activeCount == active)
    #expect(profiles.map(\.name) == ["up", "down"])
    #expect(profiles[0].experts[0] == Array(kept..<2 * kept) && profiles[1].experts[0] == Array(0..<kept))
    #expect(profiles.allSatisfy { $0.experts[1] == Array(0..<kept) && $0.experts.count == mixtures.count })
    // The signature is what the router gives to the experts that are left, in the mean over ten tokens.
    for (profile, scores) in zip(profiles, [{ Double($0 + 1) }, { Double(100 - $0) }] as [(Int) -> Double]) {
      #expect(profile.signature == (0..<2 * kept).map { Float(scores(stored[0].number($0)) / 10) })
    }
    // Values are those of the experts with these numbers.
    #expect(result.model.bytes(stored[0].up(kept)) == model.bytes(mixtures[0].up(count - kept)))
    let report = result.reports[0]
    #expect(report.notes.contains("kept \(stored.reduce(0) { $0 + $1.expertCount }) of \(mixtures.count * count) experts"))
    #expect(report.notes.contains { $0.hasPrefix("up uses \(mixtures.count * kept) of the ") })
    #expect(report.tables.map(\.title) == ["experts kept", "expert scores", "routing by task"])
    let routing = report.tables[2]
    #expect(routing.rows.count == 2 * mixtures.count * count)
    #expect(
      routing.rows[1] == [
        .text("up"), .text("layers.0"), .number(1), .number(1), .number(0.2), .number(0.2), .number(0.2),
      ])
    #expect(report.tables[1].rows[0] == [
      .text("up"), .text("layers.0"), .number(0), .number(1), .number(1), .text("dropped"),
    ])
  }

  /// Without profiles the texts of tasks are one, and nothing but the report knows of them.
  @Test func tasksAloneChangeNothing() throws {
    let model = try Checkpoint.open(path: Fixtures.path("tiny/olmoe")).model
    let result = try run(["prune-experts share=0.5"], on: model, Self.opposite)
    #expect(result.model.profiles.isEmpty)
    #expect(result.reports[0].tables.map(\.title) == ["experts kept", "expert scores", "routing by task"])
    #expect(result.reports[0].tables[1].columns.first == "layer")
  }

  @Test func laterStepsKeepProfilesOrAreRefused() throws {
    let model = try Checkpoint.open(path: Fixtures.path("tiny/olmoe")).model
    let steps = ["prune-experts share=0.5 profiles=true", "quantize bits=4 group=16 embedding=0 head=0"]
    let alone = try run([steps[0]], on: model, Self.opposite)
    #expect(try run(steps, on: model, Self.opposite).model.profiles == alone.model.profiles)
    for step in ["prune-experts count=2", "drop-blocks count=1"] {
      let failure = try #require(throws: StepFailure.self) { try run([steps[0], step], on: model, Self.opposite) }
      #expect(failure.number == 2 && failure.error == .profiledBefore(tasks: ["up", "down"]))
      #expect(failure.diagnosis.status == .usage && failure.diagnosis.what.contains("up, down"))
    }
    // The other way round all is well.
    _ = try run(["prune-experts share=0.75", steps[0]], on: model, Self.opposite)
  }

  @Test(arguments: [[], ["one"]]) func profilesNeedTasks(names: [String]) throws {
    let model = try Checkpoint.open(path: Fixtures.path("tiny/olmoe")).model
    let steps = try PassStep.steps(["prune-experts share=0.5 profiles=true"])
    let failure = try #require(throws: StepFailure.self) {
      try PassPlan(steps, on: ModelOutline(of: model, taskNames: names))
    }
    #expect(failure.error == .needsTasks(found: names) && failure.diagnosis.status == .usage)
    let plan = try PassPlan(steps, on: ModelOutline(of: model, taskNames: ["a", "b"]))
    #expect(plan.outline.profiles.map(\.name) == ["a", "b"] && !plan.outline.isExact)
  }

  @Test func aPackHoldsSoManyTasks() throws {
    let model = try Checkpoint.open(path: Fixtures.path("tiny/olmoe")).model
    let most = TaskProfile.mostCount, steps = try PassStep.steps(["prune-experts share=0.5 profiles=true"])
    func plan(_ count: Int) throws -> PassPlan {
      try PassPlan(steps, on: ModelOutline(of: model, taskNames: (0..<count).map { "task\($0)" }))
    }
    #expect(try plan(most).outline.profiles.count == most)
    let failure = try #require(throws: StepFailure.self) { try plan(most + 1) }
    #expect(failure.error == .tooManyTasks(count: most + 1, most: most) && failure.diagnosis.status == .usage)
    let format = try String(contentsOfFile: Fixtures.repository + "/docs/format.md", encoding: .utf8)
    #expect(format.contains("sets of experts that can be used alone | at most \(most) |"))
  }

  @Test func aProfileOfAnotherGraphIsNoModel() throws {
    var model = try Checkpoint.open(path: Fixtures.path("tiny/olmoe")).model
    let mixtures = model.graph.mixtures.map(\.mixture)
    let all = mixtures.map { Array(0..<$0.expertCount) }
    let signature = all[0].map { _ in Float(0) }
    func isRefused(_ experts: [[Int]], _ signature: [Float]) -> Bool {
      model.profiles = [TaskProfile(name: "a", experts: experts, signature: signature)]
      do {
        try model.verify()
        return false
      } catch {
        return error as? ModelError == .profileOfOtherGraph(task: "a")
      }
    }
    #expect(!isRefused(all, signature))
    #expect(isRefused(Array(all.dropLast()), signature) && isRefused(all, signature + [0]))
    #expect(isRefused([all[0].reversed()] + all.dropFirst(), signature))
    #expect(isRefused([all[0] + [all[0].count]] + all.dropFirst(), signature))
    #expect(isRefused([Array(all[0].prefix(mixtures[0].activeCount - 1))] + all.dropFirst(), signature))
  }
}
