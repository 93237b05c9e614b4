import DecodeKernels
import Encodings
import ModelGraph
import ModelIR
import Parallelism
import TensorCore

/// One block as a block pass sees it: its parameters, and the one way to change them.
public struct BlockEditor {
  public let block: Block
  /// The parameters this block is the first to use, in the graph's order.
  public let parameters: [ParameterDeclaration]
  /// Those of them that the pass has planned to rewrite; each must be replaced.
  public let assignments: [EncodingAssignment]
  /// What is known about the inputs of the block; present for a pass that needs calibration and has assignments here.
  public let inputs: (any BlockInputs)?

  let run: PassRun
  let plan: StepPlan
  let blockIndex: Int

  /// Threads to share work out to.
  public var pool: WorkerPool { run.manager.pool }
  /// Kernels to decode and multiply with, on the same threads.
  public var context: KernelContext { run.manager.context }

  /// The value the parameter had before the first step of the list, nil where the graph did not have it then.
  public func originalValue(of parameter: ParameterDeclaration) -> ParameterValue? {
    run.original.values[parameter.name]
  }

  /// A sentence for the user that is worth a line in the report.
  public func note(_ text: String) { run.note(text, in: plan) }

  /// Figures for the report of the step.
  public func report(_ table: ReportTable) { run.report(table, in: plan) }

  /// The present value of a parameter of the block.
  public func value(of parameter: ParameterDeclaration) -> ParameterValue {
    precondition(parameters.contains(parameter), "\(parameter.name) is not a parameter of \(block.name)")
    return run.value(of: parameter.name)
  }

  /// Gives a parameter its planned encoding.
  /// - Parameters:
  ///   - bytes: the new value, as many bytes as the encoding needs for the shape.
  ///   - encoding: where the planned one is a bound, the one it became (``Encodings/Encoding/isWithin(_:)``).
  ///   - error: how far the new weights are from the old, where that is known.
  public func replace(
    _ assignment: EncodingAssignment, with bytes: [UInt8], as encoding: Encoding? = nil, error: WeightError?
  ) throws {
    precondition(assignments.contains(assignment), "\(assignment.parameter.name) was not planned to be rewritten")
    try run.replace(assignment, with: bytes, as: encoding ?? assignment.after, error: error, in: plan)
  }

  /// The answer to a question about the model as it is now.
  public func result<A: Analysis>(of analysis: A) throws -> A.Result {
    try run.analyses.result(of: analysis, on: run.model)
  }

  /// To be called now and then, between two tensors or two parts of a large one.
  /// - Parameter byteCount: bytes of old values dealt with since the last call.
  /// - Throws: `PassError.cancelled` when the user wants to stop.
  public func advance(by byteCount: Int) throws {
    try run.advance(by: byteCount, in: plan, block: blockIndex, named: block.name)
  }
}

/// The whole model as a model pass sees it.
public struct ModelEditor {
  let run: PassRun
  let plan: StepPlan

  public var graph: ModelGraph { run.model.graph }
  /// The model as it is now.
  public var model: Model { run.model }
  /// The model before the first step of the list.
  public var original: Model { run.original }
  /// The parameters that the pass has planned to rewrite; each must be replaced, unless its parameter leaves the graph.
  public var assignments: [EncodingAssignment] { plan.assignments }
  /// The parameters whose encoding the plan left for the pass to decide, in the graph's order.
  public var undecided: [ParameterDeclaration] {
    graph.parameters.filter(plan.outline.isOpen)
  }
  /// Threads to share work out to.
  public var pool: WorkerPool { run.manager.pool }
  /// Kernels to decode and multiply with, on the same threads.
  public var context: KernelContext { run.manager.context }
  /// Where candidates may be kept outside of memory.
  public var store: any PayloadStore { run.manager.store }
  /// Runs candidates against the original; present for a pass that needs calibration.
  public var evaluation: (any CandidateEvaluation)? { run.manager.evaluation }

  /// Goes through the blocks of the model as it is now, changing nothing.
  /// - Parameters:
  ///   - need: what will be asked for, and `parameters` whose inputs, in the graph's order.
  ///   - body: is given each block that holds some of them, its parameters, and what is known about their inputs.
  public func forEachBlock(
    need: CalibrationNeed, parameters: [ParameterDeclaration],
    _ body: (Block, [ParameterDeclaration], any BlockInputs) throws -> Void
  ) throws {
    let names = Set(parameters.map(\.name)), owned = run.model.graph.parametersByLastUse()
    _ = try mapBlocks { calibration, index, block in
      let wanted = owned[index].filter { names.contains($0.name) }
      guard !wanted.isEmpty else { return }
      try body(
        block, wanted,
        calibration.inputs(of: block, in: run.model, need: need, parameters: wanted.map(\.name)))
    }
  }

  /// How much each of some blocks changes the hidden states; see ``SweepCalibration/blockInfluence(of:in:)``.
  /// - Parameter isWanted: asked of the number of each block; the block must be one that has an influence.
  /// - Returns: per block of the graph, nil where it was not wanted.
  public func blockInfluences(where isWanted: (Int) -> Bool) throws -> [Double?] {
    try mapBlocks { calibration, index, block in
      isWanted(index) ? try calibration.blockInfluence(of: block, in: run.model) : nil
    }
  }

  /// The tasks that the calibration texts stand for; see ``SweepCalibration/taskNames``.
  public var taskNames: [String] { run.manager.calibration?.taskNames ?? [] }

  /// How every mixture of the model as it is now uses its experts, in the order of ``ModelGraph/ModelGraph/mixtures``.
  public func mixtureUses() throws -> [MixtureUse] {
    try mapBlocks { calibration, _, block in try calibration.mixtureUses(in: block, of: run.model) }.flatMap(\.self)
  }

  /// How the first mixture of the model as it is now uses its experts; there must be one.
  public func firstMixtureUse() throws -> MixtureUse {
    guard let first = run.model.graph.mixtures.first else { preconditionFailure("no mixture") }
    let uses = try mapBlocks(first.block + 1) { calibration, index, block in
      index == first.block ? try calibration.mixtureUses(in: block, of: run.model) : []
    }
    return uses[first.block][0]
  }

  /// What `body` makes of how sure the router of every mixture of the model as it is now is, in the order of
  /// ``ModelGraph/ModelGraph/mixtures``. The samples of one block are held at a time.
  public func mapGateSamples<Answer>(_ body: (GateSample) throws -> Answer) throws -> [Answer] {
    try mapBlocks { calibration, _, block in
      try calibration.gateSamples(in: block, of: run.model).map(body)
    }.flatMap(\.self)
  }

  /// How much the experts of each candidate change the results of their mixtures; see
  /// ``SweepCalibration/expertErrors(in:of:from:)``.
  /// - Parameter candidates: the model as it is now with other values of experts.
  /// - Returns: by candidate, mixture of the model, and expert.
  public func expertErrors(of candidates: [Model]) throws -> [[[Double]]] {
    let byBlock = try mapBlocks { calibration, _, block in
      try candidates.map { try calibration.expertErrors(in: block, of: $0, from: run.model) }
    }
    return candidates.indices.map { candidate in byBlock.flatMap { $0[candidate] } }
  }

  /// Asks something of every block in front of it, on the way through the model as it is now.
  /// - Parameter count: blocks after which nothing more is asked.
  private func mapBlocks<Answer>(
    _ count: Int = .max, _ ask: (any SweepCalibration, Int, Block) throws -> Answer
  ) throws -> [Answer] {
    guard let calibration = run.manager.calibration else { throw PassError.needsCalibration }
    try calibration.restart(on: run.model)
    return try run.model.graph.blocks.prefix(count).enumerated().map { index, block in
      if run.manager.isCancelled() { throw PassError.cancelled }
      let answer = try ask(calibration, index, block)
      try calibration.advance(through: block, in: run.model)
      return answer
    }
  }

  /// Asks a later pass, or the sweep of this one, to give `parameter` this encoding.
  public func setIntent(_ encoding: Encoding?, of parameter: ParameterDeclaration) {
    run.setIntent(encoding, of: parameter.name)
  }

  /// A sentence for the user that is worth a line in the report.
  public func note(_ text: String) { run.note(text, in: plan) }

  /// Figures for the report of the step.
  public func report(_ table: ReportTable) { run.report(table, in: plan) }

  /// The present value of a parameter.
  public func value(of parameter: ParameterDeclaration) -> ParameterValue { run.value(of: parameter.name) }

  /// Gives a parameter its planned encoding; see ``BlockEditor/replace(_:with:error:)``.
  public func replace(_ assignment: EncodingAssignment, with bytes: [UInt8], error: WeightError?) throws {
    precondition(assignments.contains(assignment), "\(assignment.parameter.name) was not planned to be rewritten")
    try run.replace(assignment, with: bytes, as: assignment.after, error: error, in: plan)
  }

  /// Puts a graph in place that uses a part of the present parameters; the values of the others are let go.
  /// - Parameter rows: for every parameter of which the graph has fewer rows, which must be dense, the rows that stay.
  public func replaceGraph(_ graph: ModelGraph, keepingRows rows: [String: [Int]] = [:]) throws {
    try run.replaceGraph(graph, keepingRows: rows, in: plan)
  }

  /// Leaves sets of experts for tasks, of the graph as it is now.
  public func setProfiles(_ profiles: [TaskProfile]) { run.setProfiles(profiles) }

  /// The answer to a question about the model as it is now.
  public func result<A: Analysis>(of analysis: A) throws -> A.Result {
    try run.analyses.result(of: analysis, on: run.model)
  }

  /// To be called now and then; see ``BlockEditor/advance(by:)``.
  public func advance(by byteCount: Int) throws {
    try run.advance(by: byteCount, in: plan, block: max(0, graph.blocks.count - 1), named: nil)
  }
}
