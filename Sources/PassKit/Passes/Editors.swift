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
  /// What is known about the inputs of the block; present for a pass that needs calibration.
  public let inputs: (any BlockInputs)?

  let run: PassRun
  let plan: StepPlan
  let blockIndex: Int

  /// Threads to share work out to.
  public var pool: WorkerPool { run.manager.pool }

  /// The present value of a parameter of the block.
  public func value(of parameter: ParameterDeclaration) -> ParameterValue {
    precondition(parameters.contains(parameter), "\(parameter.name) is not a parameter of \(block.name)")
    return run.value(of: parameter.name)
  }

  /// Gives a parameter its planned encoding.
  /// - Parameters:
  ///   - bytes: the new value, as many bytes as the encoding needs for the shape.
  ///   - error: how far the new weights are from the old, where that is known.
  public func replace(_ assignment: EncodingAssignment, with bytes: [UInt8], error: WeightError?) throws {
    precondition(assignments.contains(assignment), "\(assignment.parameter.name) was not planned to be rewritten")
    try run.replace(assignment, with: bytes, error: error, in: plan)
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
  /// The parameters that the pass has planned to rewrite; each must be replaced, unless its parameter leaves the graph.
  public var assignments: [EncodingAssignment] { plan.assignments }
  /// Threads to share work out to.
  public var pool: WorkerPool { run.manager.pool }

  /// The present value of a parameter.
  public func value(of parameter: ParameterDeclaration) -> ParameterValue { run.value(of: parameter.name) }

  /// Gives a parameter its planned encoding; see ``BlockEditor/replace(_:with:error:)``.
  public func replace(_ assignment: EncodingAssignment, with bytes: [UInt8], error: WeightError?) throws {
    precondition(assignments.contains(assignment), "\(assignment.parameter.name) was not planned to be rewritten")
    try run.replace(assignment, with: bytes, error: error, in: plan)
  }

  /// Puts a graph in place that uses a part of the present parameters; the values of the others are let go.
  public func replaceGraph(_ graph: ModelGraph) { run.replaceGraph(graph, in: plan) }

  /// The answer to a question about the model as it is now.
  public func result<A: Analysis>(of analysis: A) throws -> A.Result {
    try run.analyses.result(of: analysis, on: run.model)
  }

  /// To be called now and then; see ``BlockEditor/advance(by:)``.
  public func advance(by byteCount: Int) throws {
    try run.advance(by: byteCount, in: plan, block: max(0, graph.blocks.count - 1), named: nil)
  }
}
