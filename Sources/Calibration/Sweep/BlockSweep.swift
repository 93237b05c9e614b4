import DecodeKernels
import Execution
import ModelGraph
import ModelIR
import PassKit

/// Carries calibration sequences through a model block by block, beside the passes that rewrite it.
///
/// Only one block is bound at a time. Each is run once for every wave of statistics that is asked for and once to move
/// on; a block that nobody asks about is run once.
public final class BlockSweep: SweepCalibration {
  public let taskNames: [String]

  private let sequences: [[Int]]
  /// The sequences that are observed together: those of each task, or all.
  private let parts: [Range<Int>]
  private let context: KernelContext
  private let budget: MemoryBudget
  private let isCancelled: () -> Bool
  private var states: SequenceStates
  /// Number of the block that the states are in front of.
  private var nextBlock = 0

  /// - Parameters:
  ///   - sequences: ids of each sequence, within the vocabulary and the context of the models to come.
  ///   - tasks: whose sequences they are, one after the other; none where all are of one text.
  ///   - context: its threads share the work of each product.
  ///   - budget: says how much is kept in memory.
  ///   - isCancelled: asked before each sequence; everything throws `PassError.cancelled` once it says so.
  public init(
    sequences: [[Int]], tasks: [CalibrationSample.Task] = [], context: KernelContext, budget: MemoryBudget,
    isCancelled: @escaping () -> Bool = { false }
  ) {
    self.sequences = sequences
    taskNames = tasks.map(\.name)
    parts = tasks.isEmpty ? [sequences.indices] : tasks.map(\.sequences)
    self.context = context
    self.budget = budget
    self.isCancelled = isCancelled
    states = SequenceStates(sequences, budget: budget)
  }

  public func restart(on model: Model) throws {
    states = SequenceStates(sequences, budget: budget)
    nextBlock = 0
  }

  /// - Throws: what running the block throws; asked for a table that is looked up, `CalibrationError.noInputs`.
  public func inputs(
    of block: Block, in model: Model, need: CalibrationNeed, parameters: [String]
  ) throws -> any BlockInputs {
    let index = number(of: block, in: model)
    return SweptInputs(
      block: block, taps: try InputTap.taps(ofBlock: index, in: model.graph), need: need, parameters: parameters,
      budget: budget, pool: context.pool
    ) { [self] observer in try observe(index, of: model, observer) }
  }

  public func blockInfluence(of block: Block, in model: Model) throws -> Double {
    let index = number(of: block, in: model)
    let executor = try model.executor(forBlock: index, context: context)
    var sum = 0.0, tokenCount = 0
    for sequence in sequences.indices {
      if isCancelled() { throw PassError.cancelled }
      let before = states.states(ofSequence: sequence), ids = sequences[sequence]
      let after = try executor.states(afterBlock: index, ids: ids, input: before)
      precondition(before.count == after.count, "\(block.name) does not keep the width of the hidden states")
      let width = before.count / ids.count
      for token in ids.indices {
        let row = token * width..<(token + 1) * width
        sum += Self.cosine(before.span.extracting(row), after.span.extracting(row))
      }
      tokenCount += ids.count
    }
    return 1 - sum / Double(tokenCount)
  }

  public func mixtureUses(in block: Block, of model: Model) throws -> [MixtureUse] {
    let mixtures = block.mixtures
    guard !mixtures.isEmpty else { return [] }
    let index = number(of: block, in: model)
    let executor = try model.executor(forBlock: index, context: context)
    let byPart = try parts.map { sequences in
      let recorder = RoutingRecorder(mixtures, vectors: context.vectors)
      try observe(index, sequences, with: executor, recorder)
      return recorder.uses
    }
    let uses =
      taskNames.isEmpty ? byPart[0] : mixtures.indices.map { index in MixtureUse(ofTasks: byPart.map { $0[index] }) }
    for use in uses where !use.isFinite { throw PassError.statisticsNotFinite(parameter: use.router) }
    return uses
  }

  public func gateSamples(in block: Block, of model: Model) throws -> [GateSample] {
    let mixtures = block.mixtures
    guard !mixtures.isEmpty else { return [] }
    let recorder = GateRecorder(mixtures, vectors: context.vectors)
    try observe(number(of: block, in: model), of: model, recorder)
    for sample in recorder.samples {
      guard sample.ratios.allSatisfy(\.isFinite), sample.norms.allSatisfy(\.isFinite) else {
        throw PassError.statisticsNotFinite(parameter: sample.router)
      }
    }
    return recorder.samples
  }

  public func expertErrors(in block: Block, of candidate: Model, from model: Model) throws -> [[Double]] {
    let index = number(of: block, in: model), mixtures = block.mixtures
    var sums = mixtures.map { [Double](repeating: 0, count: $0.expertCount) }
    guard !mixtures.isEmpty else { return sums }
    // Each has pages of its own, which the next candidate does not need.
    defer { candidate.releaseBlock(index) }
    let original = try model.executor(forBlock: index, context: context)
    let changed = try candidate.executor(forBlock: index, context: context)
    for sequence in sequences.indices {
      if isCancelled() { throw PassError.cancelled }
      let reference = ExpertOutputs(mixtures)
      try observe(index, sequence, with: original, reference)
      let outputs = ExpertOutputs(mixtures, comparingWith: reference)
      try observe(index, sequence, with: changed, outputs)
      for (mixture, errors) in outputs.errors.enumerated() {
        for (expert, error) in errors.enumerated() { sums[mixture][expert] += error }
      }
    }
    for (mixture, errors) in zip(mixtures, sums) where !errors.allSatisfy(\.isFinite) {
      throw PassError.statisticsNotFinite(parameter: mixture.router)
    }
    return sums
  }

  public func advance(through block: Block, in model: Model) throws {
    let index = number(of: block, in: model)
    if index < model.graph.blocks.count - 1 {
      try states.advance(
        through: index, of: model.executor(forBlock: index, context: context), isCancelled: isCancelled)
    }
    model.releaseBlock(index)
    nextBlock += 1
  }

  /// The hidden states of one sequence in front of the next block, (tokens, width); empty in front of the first.
  public func states(ofSequence index: Int) -> [Float] { states.states(ofSequence: index) }

  private func observe(_ index: Int, of model: Model, _ observer: any LinearObserver) throws {
    precondition(index == nextBlock, "inputs are asked for before the sweep moves on")
    // Values of `model` that were replaced since are in no later model, so that nobody else would let go of them.
    defer { model.releaseBlock(index) }
    try observe(index, sequences.indices, with: model.executor(forBlock: index, context: context), observer)
  }

  private func observe(
    _ index: Int, _ sequences: Range<Int>, with executor: Executor, _ observer: any LinearObserver
  ) throws {
    for sequence in sequences {
      if isCancelled() { throw PassError.cancelled }
      try observe(index, sequence, with: executor, observer)
    }
  }

  private func observe(
    _ index: Int, _ sequence: Int, with executor: Executor, _ observer: any LinearObserver
  ) throws {
    let input = states.states(ofSequence: sequence), ids = sequences[sequence]
    if index == executor.graph.blocks.count - 1 {
      try executor.observeLastBlock(onHidden: input.span, tokenCount: ids.count, observer: observer)
    } else {
      _ = try executor.states(afterBlock: index, ids: ids, input: input, observer: observer)
    }
  }

  /// 0 where one of the two has no length.
  private static func cosine(_ a: Span<Float>, _ b: Span<Float>) -> Double {
    var product = 0.0, left = 0.0, right = 0.0
    for index in a.indices {
      product += Double(a[index]) * Double(b[index])
      left += Double(a[index]) * Double(a[index])
      right += Double(b[index]) * Double(b[index])
    }
    return left > 0 && right > 0 ? product / (left * right).squareRoot() : 0
  }

  private func number(of block: Block, in model: Model) -> Int {
    precondition(
      nextBlock < model.graph.blocks.count && model.graph.blocks[nextBlock].name == block.name,
      "a sweep goes through the blocks in order")
    return nextBlock
  }
}
