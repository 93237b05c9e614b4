import DecodeKernels
import Diagnostics
import Encodings
import ModelIR
import Parallelism
import PassKit
import Synchronization
import TensorCore
import Testing

@Suite struct PassManagerTests {
  private func steps(_ texts: String...) throws -> [PassStep] {
    try texts.map { try PassStep(parsing: $0, catalog: .recording) }
  }

  private func manager(
    threads: Int = 1, calibration: (any SweepCalibration)? = nil, isCancelled: @escaping () -> Bool = { false },
    progress: @escaping (PassProgress) -> Void = { _ in }, inspection: PassManager.Inspection? = nil
  ) -> PassManager {
    PassManager(
      context: KernelContext(pool: WorkerPool(threadCount: threads)), store: MemoryStore(), calibration: calibration,
      isCancelled: isCancelled, progress: progress, inspection: inspection)
  }

  /// The lines that `body` leaves in a fresh record.
  private func recorded(_ body: () throws -> Void) rethrows -> [String] {
    let record = Record()
    try Record.$current.withValue(record, operation: body)
    return record.lines
  }

  @Test func blockPassesShareASweep() throws {
    let model = try TinyModel.model(layerCount: 2)
    let lines = try recorded {
      let run = manager(progress: {
        Record.current.add("\($0.stepNumber) \($0.block ?? "-") \($0.blockNumber)/\($0.blockCount)")
      })
      let result = try run.run(try steps("shift by=1", "shift by=2"), on: model)
      #expect(result.model.values["layers.1.mlp"]?.history == ["shift by=1", "shift by=2"])
    }
    #expect(lines == ["1 layers.0 2/4", "2 layers.0 2/4", "1 layers.1 3/4", "2 layers.1 3/4"])
  }

  /// Looking at the model does not change what is done, nor in what order.
  @Test func inspectionSeesTheModelAfterTheSweepOfAStep() throws {
    let model = try TinyModel.model(layerCount: 3)
    let before = model.weights("layers.1.mlp")
    let lines = try recorded {
      let inspection = PassManager.Inspection(after: { $0.text == "shift by=1" }) { steps, seen in
        Record.current.add("see \(steps.map(\.text))")
        #expect(seen.weights("layers.1.mlp") == before.map { $0 + 1 + 2 })
      }
      let run = manager(progress: { Record.current.add("\($0.stepNumber) \($0.block ?? "-")") }, inspection: inspection)
      let result = try run.run(try steps("shift by=1", "shift by=2", "crop layers=2", "shift by=4"), on: model)
      #expect(result.model.weights("layers.1.mlp") == before.map { $0 + 1 + 2 + 4 })
    }
    let sweep = (0..<3).flatMap { ["1 layers.\($0)", "2 layers.\($0)"] }
    #expect(lines == sweep + ["see [\"shift by=1\", \"shift by=2\"]", "4 layers.0", "4 layers.1"])
  }

  @Test func calibrationFollowsTheCompressedBlocks() throws {
    let model = try TinyModel.model(layerCount: 2)
    let lines = try recorded {
      _ = try manager(calibration: RecordingCalibration()).run(
        try steps("shift", "probe calibrated=true", "shift by=2"), on: model)
    }
    #expect(
      lines == [
        "restart", "advance embedding",
        "enter layers.0 for gram of [\"layers.0.mlp\"]", "layers.0 inputs [8]", "advance layers.0 after 3 steps",
        "enter layers.1 for gram of [\"layers.1.mlp\"]", "layers.1 inputs [8]",
      ])
  }

  @Test func aSurveySeesTheModelBeforeTheSweepBegins() throws {
    let model = try TinyModel.model(layerCount: 3)
    let lines = try recorded {
      let result = try manager(calibration: RecordingCalibration()).run(try steps("shift", "choosy"), on: model)
      #expect(result.model.values["layers.1.mlp"]?.encoding == .dense(.bf16))
      #expect(result.model.values["layers.2.mlp"]?.encoding == .dense(.f32))
      #expect(result.model.values.values.allSatisfy { $0.intent == nil })
      let report = result.reports[1]
      #expect(report.notes == ["looked at 3 matrices"] && report.parameterCount == 1)
      #expect(report.tables.map(\.rows.count) == [3] && report.byteCountAfter == report.byteCountBefore - 128)
    }
    let looks = (0..<3).flatMap {
      ["enter layers.\($0) for meanSquares of [\"layers.\($0).mlp\"]", "advance layers.\($0) after 1 steps"]
    }
    #expect(lines == ["restart", "advance embedding"] + looks + ["advance head", "cast layers.1.mlp"])
  }

  /// So that the samples of one block are let go before those of the next are taken.
  @Test func samplesOfGatesAreHandedOverBlockByBlock() throws {
    let lines = try recorded {
      _ = try manager(calibration: RecordingCalibration()).run(
        try steps("gate-reader"), on: TinyModel.model(layerCount: 1))
    }
    let blocks = ["embedding", "layers.0", "head"]
    #expect(lines.filter { $0.hasPrefix("look at ") } == blocks.map { "look at \($0).router" })
    #expect(lines.last == "\(blocks.map { "\($0).router" })")
    let first = try #require(lines.firstIndex(of: "look at embedding.router"))
    #expect(lines[first + 1] == "advance embedding")
  }

  @Test func aCalibratedPassWithoutCalibrationIsRefusedFirst() throws {
    let lines = try recorded {
      let steps = try steps("shift", "probe calibrated=true")
      let failure = try #require(throws: StepFailure.self) {
        try manager(progress: { _ in Record.current.add("work") }).run(steps, on: TinyModel.model(layerCount: 1))
      }
      #expect(failure.number == 2 && failure.step == steps[1] && failure.error == .needsCalibration)
      #expect(failure.diagnosis.code == "passes.needs-calibration" && failure.diagnosis.status == .usage)
    }
    #expect(lines.isEmpty)
  }

  @Test func analysesAreKeptAsFarAsTheyAreClaimed() throws {
    let model = try TinyModel.model(layerCount: 1)
    func computed(_ step: String) throws -> [String] {
      try recorded { _ = try manager().run(try steps(step), on: model) }.filter { $0.hasPrefix("compute") }
    }
    #expect(try computed("probe keep=all") == ["compute mean", "compute sum"])
    #expect(try computed("probe keep=sum") == ["compute mean", "compute sum", "compute mean", "compute mean"])
    #expect(try computed("probe keep=nothing").count == 6)
  }

  @Test func analysesSeeTheModelAsItIs() throws {
    let model = try TinyModel.model(layerCount: 1)
    let mean = model.weights("layers.0.mlp").reduce(0, +) / 64
    let lines = try recorded {
      _ = try manager().run(try steps("probe keep=all", "shift by=3", "probe keep=all"), on: model)
    }
    let means = lines.compactMap { $0.split(separator: " mean ").last.flatMap { Float($0) } }
    // In each of the three blocks the first probe runs before the shift of that block, the second after it.
    #expect(means.count == 6)
    for (found, expected) in zip(means, [mean, mean, mean, mean + 3, mean + 3, mean + 3]) {
      #expect(abs(found - expected) < 1e-5)
    }
  }

  @Test func aModelPassMayReplaceTheGraph() throws {
    let model = try TinyModel.model(layerCount: 3)
    let steps = try steps("shift", "crop layers=2", "shift by=2")
    let plan = try PassPlan(steps, on: ModelOutline(of: model))
    let result = try manager().run(steps, on: model)
    #expect(result.model.graph.blocks.map(\.name) == ["embedding", "layers.0", "layers.1", "head"])
    #expect(result.model.weights("layers.1.mlp") == model.weights("layers.1.mlp").map { $0 + 1 + 2 })
    #expect(result.reports.map(\.parameterCount) == [3, 0, 2])
    let layer = 4 * (8 + 64), whole = 2 * 4 * 80 + 3 * layer
    #expect(result.reports.map(\.byteCountBefore) == [whole, whole, whole - layer])
    #expect(result.reports.map(\.byteCountAfter) == [whole, whole - layer, whole - layer])
    #expect(plan.steps.map(\.byteCountAfter) == result.reports.map(\.byteCountAfter))
    #expect(plan.outline.encodings == result.model.values.mapValues(\.encoding))
    #expect(result.reports[1].notes == ["fewer layers"])
    #expect(result.reports.map(\.step) == ["shift by=1", "crop layers=2", "shift by=2"])
  }

  @Test func aPassThatBreaksItsPlanIsFound() throws {
    let steps = try steps("shift", "liar")
    let failure = try #require(throws: StepFailure.self) {
      try manager().run(steps, on: TinyModel.model(layerCount: 2))
    }
    #expect(failure.number == 2 && failure.step == steps[1] && failure.error == .brokenPlan(parameter: "layers.0.mlp"))
    #expect(failure.diagnosis.status == .internalError)
  }

  @Test func progressGoesFromNothingToAll() throws {
    let events = Mutex<[PassProgress]>([])
    _ = try manager(threads: 2, progress: { event in events.withLock { $0.append(event) } })
      .run(try steps("shift", "shift"), on: TinyModel.model(layerCount: 3))
    let seen = events.withLock { $0 }
    #expect(seen.map(\.doneByteCount) == (1...6).map { $0 * 256 })
    #expect(seen.allSatisfy { $0.totalByteCount == 6 * 256 && $0.stepCount == 2 && $0.pass == "shift" })
    #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.elapsed <= $1.elapsed })
  }

  @Test func stopsBetweenTensors() throws {
    let asked = Mutex(0)
    let steps = try steps("shift")
    let failure = try #require(throws: StepFailure.self) {
      try manager(isCancelled: {
        asked.withLock {
          $0 += 1; return $0 == 2
        }
      })
      .run(steps, on: TinyModel.model(layerCount: 3))
    }
    #expect(failure.error == .cancelled && failure.diagnosis.status == .interrupted)
    #expect(asked.withLock { $0 } == 2)
  }

  @Test func aFailedStoreEndsTheRun() throws {
    struct Full: Error {}
    struct FullStore: PayloadStore {
      func store(_ bytes: [UInt8]) throws -> any ByteStorage { throw Full() }
    }
    let manager = PassManager(context: KernelContext(pool: WorkerPool(threadCount: 1)), store: FullStore())
    #expect(throws: Full.self) { try manager.run(try steps("shift"), on: TinyModel.model(layerCount: 1)) }
  }

  @Test func noStepsChangeNothing() throws {
    let model = try TinyModel.model(layerCount: 1)
    let result = try manager().run([], on: model)
    #expect(result.reports.isEmpty && result.model.text == model.text)
  }
}
