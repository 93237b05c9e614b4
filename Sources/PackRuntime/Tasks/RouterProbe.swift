import DecodeKernels
import Execution
import ModelGraph
import TensorCore

/// How the first mixture of a model routes a prompt. No expert is bound for it.
struct RouterProbe {
  let graph: ModelGraph
  let operators: any OperatorSource
  let context: KernelContext

  /// The mean over the prompt's tokens of the router's probability of each expert.
  /// - Parameter ids: at most as many as the context holds.
  /// - Throws: `ExecutionError` for ids that the model cannot read, and for a model whose blocks do not follow one another;
  ///   and what the operators throw.
  func meanProbabilities(_ ids: [Int]) throws -> [Double] {
    guard !ids.isEmpty else { throw ExecutionError.emptyPrompt }
    guard let first = graph.mixtures.first else { return [] }
    let executor = try Executor(
      graph: graph, operators: WithoutExperts(inner: operators), context: context, blocks: 0..<first.block + 1)
    var states: [Float] = []
    for block in 0..<first.block { states = try executor.states(afterBlock: block, ids: ids, input: states) }
    let means = ProbabilitySum(first.mixture)
    if first.block + 1 == graph.blocks.count {
      try executor.observeLastBlock(onHidden: states.span, tokenCount: ids.count, observer: means)
    } else {
      _ = try executor.states(afterBlock: first.block, ids: ids, input: states, observer: means)
    }
    return means.sums.map { $0 / Double(ids.count) }
  }
}

/// Operators whose experts do nothing: what follows from the first mixture is not looked at.
private struct WithoutExperts: OperatorSource {
  let inner: any OperatorSource

  func linear(_ name: String) throws -> any LinearOperator { try inner.linear(name) }
  func vector(_ name: String) throws -> [Float] { try inner.vector(name) }
  func experts(of mixture: Mixture) -> any ExpertOperators { IdleExperts() }

  private struct IdleExperts: ExpertOperators {
    func withExpert(_ index: Int, _ body: (GatedOperators) throws -> Void) {}
  }
}

/// Adds up what a router makes of tokens.
private final class ProbabilitySum: RoutingObserver {
  private let mixture: Mixture
  private(set) var sums: [Double]

  init(_ mixture: Mixture) {
    self.mixture = mixture
    sums = [Double](repeating: 0, count: mixture.expertCount)
  }

  func observe(_ name: String, input: Span<Float>, tokenCount: Int) {}

  func observe(_ mixture: Mixture, probabilities: Span<Float>) {
    guard mixture == self.mixture else { return }
    for index in probabilities.indices { sums[index % sums.count] += Double(probabilities[index]) }
  }

  func observe(_ mixture: Mixture, expert: Int, routed: [RoutedToken], outputs: Span<Float>) {}
}
