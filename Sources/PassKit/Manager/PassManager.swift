import DecodeKernels
import ModelGraph
import ModelIR
import Parallelism

/// Runs the steps of a list over a model: threads, order, verification, measurement and progress are its business, so
/// that passes are nothing but their algorithm.
public struct PassManager {
  let context: KernelContext
  let store: any PayloadStore
  let calibration: (any SweepCalibration)?
  let evaluation: (any CandidateEvaluation)?
  let journal: (any RunJournal)?
  let isCancelled: () -> Bool
  let progress: (PassProgress) -> Void
  let inspection: Inspection?

  /// Wants to see the model after some steps.
  public struct Inspection {
    let isWanted: (PassStep) -> Bool
    let show: ([PassStep], Model) throws -> Void

    /// - Parameters:
    ///   - isWanted: whether the model is to be shown after a step. Steps that share a sweep over the blocks go through
    ///     each block together: there is no model after one of them alone, and it is shown after the last.
    ///   - show: given the steps that share a sweep, and the model after them.
    public init(
      after isWanted: @escaping (PassStep) -> Bool, show: @escaping ([PassStep], Model) throws -> Void
    ) {
      self.isWanted = isWanted
      self.show = show
    }
  }

  /// - Parameters:
  ///   - store: where new values go.
  ///   - calibration: for passes that look at the inputs of blocks.
  ///   - evaluation: for passes that try candidates.
  ///   - journal: remembers what was done, nil for a run that begins anew when it is killed.
  ///   - isCancelled: asked between tensors.
  ///   - progress: told how far the run is.
  ///   - inspection: shown the model between steps.
  public init(
    context: KernelContext, store: any PayloadStore, calibration: (any SweepCalibration)? = nil,
    evaluation: (any CandidateEvaluation)? = nil, journal: (any RunJournal)? = nil,
    isCancelled: @escaping () -> Bool = { false }, progress: @escaping (PassProgress) -> Void = { _ in },
    inspection: Inspection? = nil
  ) {
    self.context = context
    self.store = store
    self.calibration = calibration
    self.evaluation = evaluation
    self.journal = journal
    self.isCancelled = isCancelled
    self.progress = progress
    self.inspection = inspection
  }

  var pool: WorkerPool { context.pool }

  /// Runs `steps` in order; block passes that follow one another share a sweep over the blocks.
  ///
  /// The result is the same on any number of threads.
  /// - Returns: the model after the last step, and a report per step.
  /// - Throws: `StepFailure` for a step that cannot be done; all steps are planned before any weight is read.
  ///   Whatever the store, the journal or the inspection throws.
  public func run(_ steps: [PassStep], on model: Model) throws -> (model: Model, reports: [StepReport]) {
    let taskNames = calibration?.taskNames ?? []
    let plan = try PassPlan(steps, on: ModelOutline(of: model, taskNames: taskNames))
    if calibration == nil { try plan.requireNoCalibration() }
    let run = PassRun(model, plan: plan, manager: self)
    var reports: [StepReport] = []
    for sweep in sweeps(of: steps) {
      try survey(steps[sweep.lowerBound], number: sweep.lowerBound + 1, in: run)
      // Planned again on the model as it now is: a pass that decides by the weights may have left it otherwise than it
      // could foresee.
      var outline = ModelOutline(of: run.model, taskNames: taskNames)
      var plans: [StepPlan] = []
      for index in sweep {
        plans.append(try StepPlan(number: index + 1, steps[index], on: outline))
        outline = plans[plans.count - 1].outline
      }
      var byteCount = run.model.sizes.total.byteCount
      try runSweep(plans, in: run)
      try run.model.verify()
      for plan in plans {
        reports.append(run.report(of: plan, byteCountBefore: byteCount))
        byteCount = reports[reports.count - 1].byteCountAfter
      }
      if let inspection, steps[sweep].contains(where: inspection.isWanted) {
        try inspection.show(Array(steps[sweep]), run.model)
      }
    }
    return (run.model, reports)
  }

  /// Ranges of steps that run together: a model pass alone, block passes as far as they follow one another.
  private func sweeps(of steps: [PassStep]) -> [Range<Int>] {
    var sweeps: [Range<Int>] = []
    for (index, step) in steps.enumerated() {
      let continues =
        index > 0 && step.pass is any BlockPass && !step.needsSurvey && steps[index - 1].pass is any BlockPass
      if continues, let last = sweeps.popLast() {
        sweeps.append(last.lowerBound..<index + 1)
      } else {
        sweeps.append(index..<index + 1)
      }
    }
    return sweeps
  }

  /// Lets a pass that must see the whole model first do so.
  private func survey(_ step: PassStep, number: Int, in run: PassRun) throws {
    guard step.needsSurvey, let pass = step.pass as? any SurveyingPass else { return }
    let plan = try StepPlan(
      number: number, step, on: ModelOutline(of: run.model, taskNames: calibration?.taskNames ?? []))
    try run.perform("survey of step \(number)") {
      try timed(plan, in: run) {
        try pass.survey(ModelEditor(run: run, plan: plan))
        return .all
      }
    }
  }

  private func runSweep(_ plans: [StepPlan], in run: PassRun) throws {
    if let pass = plans[0].step.pass as? any ModelPass {
      try run.perform(plans[0].unit) {
        try timed(plans[0], in: run) { try pass.run(on: ModelEditor(run: run, plan: plans[0])) }
      }
      try failing(plans[0]) { try run.verify(plans[0].assignments, of: plans[0]) }
      return
    }
    let owners = run.model.graph.parametersByLastUse()
    let follower = calibration.map { SweepFollower(calibration: $0, run: run) }
    for (index, block) in run.model.graph.blocks.enumerated() {
      let names = Set(owners[index].map(\.name))
      let shares = plans.map { plan in plan.assignments.filter { names.contains($0.parameter.name) } }
      try run.perform("steps \(plans[0].number) to \(plans[plans.count - 1].number), block \(block.name)") {
        for (plan, assignments) in zip(plans, shares) {
          guard let pass = plan.step.pass as? any BlockPass else { preconditionFailure("a sweep is of block passes") }
          try timed(plan, in: run) {
            let inputs =
              assignments.isEmpty
              ? nil
              : try follower?.inputs(
                ofBlock: index, need: pass.calibrationNeed, parameters: assignments.map(\.parameter.name))
            return try pass.run(
              on: BlockEditor(
                block: block, parameters: owners[index], assignments: assignments, inputs: inputs, run: run,
                plan: plan, blockIndex: index))
          }
          try failing(plan) { try run.verify(assignments, of: plan) }
        }
      }
    }
  }

  /// Runs a pass, adds its time to its step, and drops the analyses it does not preserve.
  private func timed(_ plan: StepPlan, in run: PassRun, _ body: () throws -> PreservedAnalyses) throws {
    let start = ContinuousClock.now
    let preserved = try failing(plan, body)
    run.analyses.drop(except: preserved)
    run.addTime(ContinuousClock.now - start, to: plan)
  }

  /// Says of an error which step it belongs to.
  private func failing<Result>(_ plan: StepPlan, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as PassError {
      throw StepFailure(number: plan.number, step: plan.step, error: error)
    }
  }
}
