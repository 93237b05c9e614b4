import PassKit

/// By what experts are judged; every metric comes from the same statistics.
enum ExpertMetric: String, CaseIterable, Sendable {
  /// Share of the tokens it is chosen for.
  case frequency
  /// Sum of its gates, per token of the text.
  case weighted
  /// Task-conditioned expected selection score: the mean over all tokens of the router's output for it, 0 where it is
  /// not chosen (PreMoe, arXiv 2505.17639). The probability is taken in place of the published logit, which may be
  /// negative, so that an expert chosen now and then would fall behind one that is never chosen.
  case tcess
  /// Mean of gate · ‖output‖ over the tokens it is chosen for (REAP, arXiv 2510.13999, eq. 9).
  case reap
  /// Sum of (gate · ‖output‖)² per token of the text: the energy that the mixture's result loses with it.
  case energy

  /// The score of every expert, at least 0; 0 for one that no token reached.
  func scores(of use: MixtureUse) -> [Double] {
    let tokenCount = Double(max(1, use.tokenCount))
    return use.experts.map { expert in
      switch self {
      case .frequency: Double(expert.tokenCount) / tokenCount
      case .weighted: expert.gateSum / tokenCount
      case .tcess: expert.chosenProbabilitySum / tokenCount
      case .reap: expert.outputSum / Double(max(1, expert.tokenCount))
      case .energy: expert.energy / tokenCount
      }
    }
  }
}
