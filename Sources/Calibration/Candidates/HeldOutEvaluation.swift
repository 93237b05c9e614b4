import DecodeKernels
import Execution
import Metrics
import ModelGraph
import ModelIR
import PassKit

/// Runs candidates beside the original on windows that no statistics were taken from.
///
/// Models run block by block. Of the original only the hidden states in front of its head are kept: its logits are
/// computed again for every candidate, because those of a large vocabulary would not fit.
public final class HeldOutEvaluation: CandidateEvaluation {
  private let original: Model
  private let windows: [[Int]]
  private let context: KernelContext
  private let budget: MemoryBudget
  private let isCancelled: () -> Bool
  private var originalStates: SequenceStates?
  private var outputSample: OutputSample?

  /// - Parameters:
  ///   - original: what candidates are compared with.
  ///   - windows: ids of each, at least one window of two.
  ///   - budget: says how much is kept in memory.
  ///   - isCancelled: asked before each window; everything throws `PassError.cancelled` once it says so.
  public init(
    original: Model, windows: [[Int]], context: KernelContext, budget: MemoryBudget,
    isCancelled: @escaping () -> Bool = { false }
  ) {
    precondition(!windows.isEmpty && windows.allSatisfy { $0.count > 1 })
    self.original = original
    self.windows = windows
    self.context = context
    self.budget = budget
    self.isCancelled = isCancelled
  }

  /// The accuracy of `candidate`, each figure with its standard error over windows. A candidate that computes something
  /// that is not a number is infinitely far away.
  /// - Throws: `CalibrationError.originalNotFinite`, `ExecutionError`, and what the operators throw.
  public func accuracy(of candidate: Model) throws -> CandidateAccuracy {
    let reference = try originalStates ?? hidden(of: original)
    originalStates = reference
    let states = try hidden(of: candidate)
    let heads = try PairedHeads(reference: original, candidate: candidate, context: context)
    defer { heads.release() }
    var pairs = PairedAccumulator()
    for window in windows.indices {
      if isCancelled() { throw PassError.cancelled }
      pairs.beginWindow()
      let ids = windows[window]
      do {
        try heads.compare(
          reference.states(ofSequence: window), states.states(ofSequence: window), tokenCount: ids.count - 1
        ) { position, expected, actual in
          try LogitRow.compare(original: expected, compiled: actual, target: ids[position + 1], position: position)
        }.forEach { pairs.add($0) }
      } catch MetricsError.nonFiniteLogit(.original, let position, _) {
        throw CalibrationError.originalNotFinite(window: window, position: position)
      } catch MetricsError.nonFiniteLogit {
        return .useless
      }
    }
    return CandidateAccuracy(pairs)
  }

  /// See `CandidateEvaluation`. The sample is of at most four windows, 256 tokens of each. Beside the 64 most likely
  /// tokens of a position, the rest of the vocabulary is folded into a few coordinates with signs drawn by token, which
  /// keeps dot products right on average (count sketch; Charikar, Chen and Farach-Colton 2002).
  /// - Throws: `ExecutionError`, and what the operators throw.
  public func outputChange(
    of candidate: Model, from reference: Model, firstChangedBlock block: Int
  ) throws -> [Float] {
    if outputSample?.isOf(reference) != true {
      outputSample = nil
      outputSample = try OutputSample(
        of: reference, windows: windows, context: context, budget: budget, isCancelled: isCancelled)
    }
    guard let outputSample else { return [] }
    return try outputSample.change(to: candidate, firstChangedBlock: block)
  }

  /// The states of all windows in front of the head of `model`.
  private func hidden(of model: Model) throws -> SequenceStates {
    let states = SequenceStates(windows, budget: budget)
    for index in model.graph.blocks.indices.dropLast() {
      try states.advance(
        through: index, of: model.executor(forBlock: index, context: context), isCancelled: isCancelled)
      model.releaseBlock(index)
    }
    return states
  }
}

extension CandidateAccuracy {
  fileprivate init(_ pairs: PairedAccumulator) {
    let means = pairs.means
    let ratio = means.lossChange.exponential
    self.init(
      perplexityRatio: ratio.mean, perplexityRatioError: ratio.standardError, divergence: means.divergence.mean,
      divergenceError: means.divergence.standardError, agreement: means.agreement.mean,
      agreementError: means.agreement.standardError, tokenCount: pairs.count)
  }

  /// What a model is worth that computes something that is not a number.
  fileprivate static let useless = CandidateAccuracy(
    perplexityRatio: .infinity, perplexityRatioError: 0, divergence: .infinity, divergenceError: 0, agreement: 0,
    agreementError: 0, tokenCount: 0)
}
