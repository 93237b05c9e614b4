import DecodeKernels
import Encodings
import ModelGraph
import ModelIR
import Parallelism
import PassKit
import TensorCore
import Testing

/// A run that stops anywhere and is begun again does the rest, and only the rest.
@Suite struct PassManagerJournalTests {
  struct Killed: Error {}

  /// Keeps records in memory and ends the run once it holds `limit` of them.
  final class MemoryJournal: RunJournal {
    var records: [UnitRecord] = []
    var limit = Int.max
    private var next = 0

    func record(of unit: String) -> UnitRecord? {
      guard next < records.count else { return nil }
      defer { next += 1 }
      #expect(records[next].unit == unit)
      return records[next]
    }

    func append(_ record: UnitRecord) throws {
      records.append(record)
      next += 1
      if records.count == limit { throw Killed() }
    }

    func rewind() { next = 0 }
  }

  private static let list = ["shift by=1", "choosy", "crop layers=3", "probe calibrated=true", "shift by=2"]
  /// Two sweeps of six blocks with a survey between them, a model pass, a sweep of five.
  private static let unitCount = 6 + 1 + 6 + 1 + 5

  private func run(_ journal: MemoryJournal) throws -> (model: Model, reports: [StepReport]) {
    try PassManager(
      context: KernelContext(pool: WorkerPool(threadCount: 1)), store: MemoryStore(),
      calibration: RecordingCalibration(), journal: journal
    ).run(
      try Self.list.map { try PassStep(parsing: $0, catalog: .recording) }, on: TinyModel.model(layerCount: 4))
  }

  private func lines(_ body: () throws -> Void) rethrows -> [String] {
    let record = Record()
    try Record.$current.withValue(record, operation: body)
    return record.lines
  }

  @Test(arguments: 1...unitCount) func aRunGoesOnWhereItStopped(after limit: Int) throws {
    let whole = try run(MemoryJournal())
    let journal = MemoryJournal()
    journal.limit = limit
    #expect(throws: Killed.self) { try run(journal) }
    journal.limit = .max
    journal.rewind()
    let resumed = try run(journal)
    #expect(journal.records.count == Self.unitCount)
    #expect(resumed.model.text == whole.model.text)
    for name in whole.model.values.keys { #expect(resumed.model.weights(name) == whole.model.weights(name)) }
    for (a, b) in zip(resumed.reports, whole.reports) {
      #expect(a.step == b.step && a.parameterCount == b.parameterCount && a.notes == b.notes && a.tables == b.tables)
      #expect(a.byteCountBefore == b.byteCountBefore && a.byteCountAfter == b.byteCountAfter)
      #expect(a.relativeSquaredError == b.relativeSquaredError)
    }
  }

  @Test func aWholeJournalLeavesNothingToDo() throws {
    let journal = MemoryJournal()
    _ = try run(journal)
    journal.rewind()
    #expect(try lines { _ = try run(journal) } == [])
  }

  /// After a stop in the last sweep, the hidden states go through the blocks taken from the journal as they were left.
  @Test func calibrationPassesAdoptedBlocks() throws {
    let journal = MemoryJournal()
    journal.limit = Self.unitCount - 2  // embedding, layers.0 and layers.1 of the last sweep are done
    _ = try? run(journal)
    journal.limit = .max
    journal.rewind()
    #expect(
      try lines { _ = try run(journal) } == [
        "restart", "advance embedding", "advance layers.0 after 3 steps", "advance layers.1 after 4 steps",
        "enter layers.2 for gram of [\"layers.2.mlp\"]", "layers.2 inputs [8]",
      ])
  }
}
