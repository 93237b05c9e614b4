import Encodings
import ModelGraph
import ModelIR
import Parallelism
import TensorCore

/// The state of one run: the model as it is, and what is known about each step so far. Only the manager's thread uses
/// it.
final class PassRun {
  var model: Model
  /// The model before the first step.
  let original: Model
  let manager: PassManager
  let analyses = AnalysisCache()
  let start = ContinuousClock.now
  private var figures: [StepFigures]
  private var changes: Changes
  private let totalByteCount: Int
  private var doneByteCount = 0

  /// What the unit at work has done so far.
  private struct Changes {
    var figures: [StepFigures]
    var replaced: Set<String> = []
    var intended: Set<String> = []
    var replacesGraph = false
    var replacesProfiles = false

    init(stepCount: Int) { figures = (0..<stepCount).map { StepFigures(stepNumber: $0 + 1) } }
  }

  init(_ model: Model, plan: PassPlan, manager: PassManager) {
    self.model = model
    original = model
    self.manager = manager
    changes = Changes(stepCount: plan.steps.count)
    figures = changes.figures
    totalByteCount = plan.steps.reduce(0) { $0 + $1.sourceByteCount }
  }

  private var stepCount: Int { figures.count }

  func value(of parameter: String) -> ParameterValue {
    guard let value = model.values[parameter] else { preconditionFailure("\(parameter) has no value") }
    return value
  }

  /// Puts the value that a step made in the place of the old one.
  func replace(
    _ assignment: EncodingAssignment, with bytes: [UInt8], as encoding: Encoding, error: WeightError?, in plan: StepPlan
  ) throws {
    let name = assignment.parameter.name
    let old = value(of: name)
    let storage = try manager.store.store(bytes)
    old.storage.release(0..<old.storage.byteCount)
    model.values[name] = old.replaced(by: encoding, storage: storage, step: plan.step.text)
    changes.replaced.insert(name)
    changeFigures(of: plan) { figures in
      figures.parameterCount += 1
      figures.byteCountChange += storage.byteCount - old.storage.byteCount
      figures.squaredError += error?.squaredError ?? 0
      figures.squaredNorm += error?.squaredNorm ?? 0
    }
  }

  /// Puts a new graph in place, lets go of the values it does not use, and keeps some rows of others.
  func replaceGraph(_ graph: ModelGraph, keepingRows rows: [String: [Int]], in plan: StepPlan) throws {
    let before = model.values.values.reduce(0) { $0 + $1.storage.byteCount }
    for parameter in model.graph.parameters {
      guard let rows = rows[parameter.name] else { continue }
      let value = value(of: parameter.name), bytes = value.bytes(ofRows: rows, of: parameter.dimensions[0])
      model.values[parameter.name] = value.replaced(
        by: value.encoding, storage: try manager.store.store(bytes), step: plan.step.text)
      changes.replaced.insert(parameter.name)
    }
    adopt(graph)
    let after = model.values.values.reduce(0) { $0 + $1.storage.byteCount }
    changes.replacesGraph = true
    changeFigures(of: plan) { $0.byteCountChange += after - before }
  }

  private func adopt(_ graph: ModelGraph) {
    let names = Set(graph.parameters.map(\.name))
    model.graph = graph
    model.values = model.values.filter { names.contains($0.key) }
  }

  func setProfiles(_ profiles: [TaskProfile]) {
    model.profiles = profiles
    changes.replacesProfiles = true
  }

  func setIntent(_ encoding: Encoding?, of name: String) {
    model.values[name]?.intent = encoding
    changes.intended.insert(name)
  }

  func note(_ text: String, in plan: StepPlan) { changeFigures(of: plan) { $0.notes.append(text) } }

  func report(_ table: ReportTable, in plan: StepPlan) { changeFigures(of: plan) { $0.tables.append(table) } }

  func addTime(_ duration: Duration, to plan: StepPlan) { changeFigures(of: plan) { $0.duration += duration } }

  private func changeFigures(of plan: StepPlan, _ change: (inout StepFigures) -> Void) {
    change(&changes.figures[plan.number - 1])
  }

  /// Checks that `plan` was kept for `assignments`.
  func verify(_ assignments: [EncodingAssignment], of plan: StepPlan) throws {
    for assignment in assignments {
      guard let value = model.values[assignment.parameter.name] else { continue }
      guard value.encoding.isWithin(assignment.after),
        value.storage.byteCount == value.encoding.byteCount(of: assignment.shape)
      else { throw PassError.brokenPlan(parameter: assignment.parameter.name) }
    }
  }

  /// Reports progress.
  /// - Throws: `PassError.cancelled` when the user wants to stop.
  func advance(by byteCount: Int, in plan: StepPlan, block: Int, named name: String?) throws {
    if manager.isCancelled() { throw PassError.cancelled }
    doneByteCount += byteCount
    manager.progress(
      PassProgress(
        stepNumber: plan.number, stepCount: stepCount, pass: plan.step.name, blockNumber: block + 1,
        blockCount: model.graph.blocks.count, block: name, doneByteCount: doneByteCount,
        totalByteCount: max(doneByteCount, totalByteCount), elapsed: ContinuousClock.now - start))
  }

  func report(of plan: StepPlan, byteCountBefore: Int) -> StepReport {
    let figures = figures[plan.number - 1]
    return StepReport(
      number: plan.number, step: plan.step.text, parameterCount: figures.parameterCount,
      byteCountBefore: byteCountBefore, byteCountAfter: byteCountBefore + figures.byteCountChange,
      relativeSquaredError: figures.squaredNorm > 0 ? figures.squaredError / figures.squaredNorm : nil,
      seconds: figures.duration / .seconds(1), notes: plan.notes + figures.notes, tables: figures.tables)
  }
}

// MARK: - Units

extension PassRun {
  /// Does a unit of the run and hands the journal what it changed; or, where the journal has it, takes it from there.
  func perform(_ unit: String, _ body: () throws -> Void) throws {
    if let record = try manager.journal?.record(of: unit) { return adopt(record) }
    let doneBefore = doneByteCount
    try body()
    let record = UnitRecord(
      unit: unit, graph: changes.replacesGraph ? model.graph : nil,
      profiles: changes.replacesProfiles ? model.profiles : nil, values: changedValues,
      figures: changes.figures.filter { $0 != StepFigures(stepNumber: $0.stepNumber) },
      doneByteCount: doneByteCount - doneBefore)
    try manager.journal?.append(record)
    add(record.figures)
    changes = Changes(stepCount: stepCount)
  }

  private var changedValues: [ValueChange] {
    model.graph.parameters.compactMap { parameter in
      let isReplaced = changes.replaced.contains(parameter.name)
      guard isReplaced || changes.intended.contains(parameter.name) else { return nil }
      let value = value(of: parameter.name)
      return ValueChange(
        parameter: parameter.name, storage: isReplaced ? value.storage : nil, encoding: value.encoding,
        history: value.history, intent: value.intent)
    }
  }

  private func adopt(_ record: UnitRecord) {
    if let graph = record.graph { adopt(graph) }
    if let profiles = record.profiles { model.profiles = profiles }
    for change in record.values {
      guard let storage = change.storage ?? model.values[change.parameter]?.storage else { continue }
      model.values[change.parameter] = ParameterValue(
        encoding: change.encoding, storage: storage, history: change.history, intent: change.intent)
    }
    analyses.drop(except: .none)
    doneByteCount += record.doneByteCount
    add(record.figures)
  }

  private func add(_ parts: [StepFigures]) {
    for part in parts { figures[part.stepNumber - 1].add(part) }
  }
}
