import Encodings
import ModelGraph
import ModelIR
import Parallelism
import TensorCore

/// The state of one run: the model as it is, and what is known about each step so far. Only the manager's thread uses
/// it.
final class PassRun {
  var model: Model
  let manager: PassManager
  let analyses = AnalysisCache()
  let start = ContinuousClock.now
  private(set) var statistics: [Statistics]
  private let stepCount: Int
  private let totalByteCount: Int
  private var doneByteCount = 0

  /// What a step has done so far.
  struct Statistics {
    var parameterCount = 0
    var byteCountChange = 0
    var squaredError = 0.0
    var squaredNorm = 0.0
    var duration = Duration.zero
  }

  init(_ model: Model, plan: PassPlan, manager: PassManager) {
    self.model = model
    self.manager = manager
    stepCount = plan.steps.count
    statistics = plan.steps.map { _ in Statistics() }
    totalByteCount = plan.steps.reduce(0) { $0 + $1.sourceByteCount }
  }

  func value(of parameter: String) -> ParameterValue {
    guard let value = model.values[parameter] else { preconditionFailure("\(parameter) has no value") }
    return value
  }

  /// Puts the value that a step made in the place of the old one.
  func replace(_ assignment: EncodingAssignment, with bytes: [UInt8], error: WeightError?, in plan: StepPlan) throws {
    let name = assignment.parameter.name
    let old = value(of: name)
    let storage = try manager.store.store(bytes)
    old.storage.release(0..<old.storage.byteCount)
    model.values[name] = old.replaced(by: assignment.after, storage: storage, step: plan.step.text)
    let index = plan.number - 1
    statistics[index].parameterCount += 1
    statistics[index].byteCountChange += storage.byteCount - old.storage.byteCount
    statistics[index].squaredError += error?.squaredError ?? 0
    statistics[index].squaredNorm += error?.squaredNorm ?? 0
  }

  /// Puts a new graph in place and lets go of the values it does not use.
  func replaceGraph(_ graph: ModelGraph, in plan: StepPlan) {
    let names = Set(graph.parameters.map(\.name))
    let dropped = model.values.filter { !names.contains($0.key) }
    statistics[plan.number - 1].byteCountChange -= dropped.reduce(0) { $0 + $1.value.storage.byteCount }
    model.graph = graph
    model.values = model.values.filter { names.contains($0.key) }
  }

  func addTime(_ duration: Duration, to plan: StepPlan) { statistics[plan.number - 1].duration += duration }

  /// Checks that `plan` was kept for `assignments`.
  func verify(_ assignments: [EncodingAssignment], of plan: StepPlan) throws {
    for assignment in assignments {
      guard let value = model.values[assignment.parameter.name] else { continue }
      guard value.encoding == assignment.after,
        value.storage.byteCount == assignment.after.byteCount(of: assignment.shape)
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
    let statistics = statistics[plan.number - 1]
    return StepReport(
      number: plan.number, step: plan.step.text, parameterCount: statistics.parameterCount,
      byteCountBefore: byteCountBefore, byteCountAfter: byteCountBefore + statistics.byteCountChange,
      relativeSquaredError: statistics.squaredNorm > 0 ? statistics.squaredError / statistics.squaredNorm : nil,
      seconds: statistics.duration / .seconds(1), notes: plan.notes)
  }
}
