import ModelGraph
import PassKit

/// What an error of an expert costs.
struct ExpertCosts {
  enum Importance: String, CaseIterable, Sendable {
    /// The energy of the error: Σ g²·‖f̂(x) − f(x)‖² over the expert's tokens. In terms of the expert's own energy
    /// ω = Σ g²·‖f(x)‖² and the relative error δ of its output it is ω·δ.
    case energy
    /// φ·w^1.5·ε² of MC-MoE (arXiv 2410.06270): φ the share of the tokens, w that of the router's probabilities where
    /// the expert was chosen, ε the length of the change of the mixture's result.
    case mixedCompressor = "mc-moe"
  }

  /// The share of the median of its mixture that an expert without tokens counts: calibration text is finite.
  private static let unreachedShare = 0.1

  /// By unit, the index of its mixture, which is that of a layer.
  let mixtures: [Int]
  /// By unit and option.
  private(set) var costs: [[Double]]

  /// - Parameters:
  ///   - homes: by unit, mixture and expert.
  ///   - errors: by unit and option, the energy of the error.
  ///   - uses: by mixture.
  init(homes: [ExpertHome], errors: [[Double]], uses: [MixtureUse], importance: Importance) {
    mixtures = homes.map(\.mixture)
    costs = errors
    if importance == .mixedCompressor {
      for (unit, home) in homes.enumerated() {
        let experts = uses[home.mixture].experts
        let tokens = experts.reduce(0) { $0 + $1.tokenCount }
        let weights = experts.reduce(0) { $0 + $1.chosenProbabilitySum }
        let frequency = Double(experts[home.expert].tokenCount) / Double(max(1, tokens))
        let weight = weights > 0 ? experts[home.expert].chosenProbabilitySum / weights : 0
        for option in costs[unit].indices { costs[unit][option] *= frequency * weight * weight.squareRoot() }
      }
    }
    for mixture in Set(mixtures).sorted() {
      let members = homes.indices.filter { mixtures[$0] == mixture }
      let (reached, unreached) = members.reduce(into: ([Int](), [Int]())) { parts, unit in
        let isReached = uses[mixture].experts[homes[unit].expert].tokenCount > 0
        if isReached { parts.0.append(unit) } else { parts.1.append(unit) }
      }
      guard !reached.isEmpty else { continue }
      for unit in unreached {
        for option in costs[unit].indices {
          let sorted = reached.map { costs[$0][min(option, costs[$0].count - 1)] }.sorted()
          costs[unit][option] = Self.unreachedShare * sorted[sorted.count / 2]
        }
      }
    }
  }

  /// Makes the costs of different mixtures comparable: those of `options` together become `totals`.
  /// - Parameters:
  ///   - options: by unit.
  ///   - totals: by mixture.
  mutating func scale(_ options: [Int], to totals: [Int: Double]) {
    var sums: [Int: Double] = [:]
    for (unit, option) in options.enumerated() { sums[mixtures[unit], default: 0] += costs[unit][option] }
    for unit in costs.indices {
      guard let sum = sums[mixtures[unit]], let total = totals[mixtures[unit]], sum > 0 else { continue }
      for option in costs[unit].indices { costs[unit][option] *= total / sum }
    }
  }
}
