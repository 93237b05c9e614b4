import PassKit

/// Which experts stay.
struct ExpertSelection {
  /// By mixture and expert, at least 0.
  let scores: [[Double]]
  /// By mixture and expert, those that go before all others.
  let isProtected: [[Bool]]

  /// The best of every mixture, of two as good the first.
  /// - Parameter counts: how many each mixture keeps.
  /// - Returns: by mixture, the indices of the experts that stay, ascending.
  func best(counts: [Int]) -> [[Int]] {
    zip(scores.indices, counts).map { mixture, count in ranked(mixture).prefix(count).sorted() }
  }

  /// The best of all mixtures together, each score taken relative to the mean of its mixture, because those of
  /// different layers have different scales.
  /// - Parameters:
  ///   - totalCount: how many stay in all, at least the sum of `least`.
  ///   - least: how many stay of each mixture at least.
  /// - Returns: by mixture, the indices of the experts that stay, ascending.
  func best(totalCount: Int, least: [Int]) -> [[Int]] {
    var kept = best(counts: least)
    let others = scores.indices.flatMap { mixture -> [Candidate] in
      let mean = scores[mixture].reduce(0, +) / Double(scores[mixture].count)
      return ranked(mixture).dropFirst(least[mixture]).map { expert in
        Candidate(
          mixture: mixture, expert: expert, isProtected: isProtected[mixture][expert],
          score: mean > 0 ? scores[mixture][expert] / mean : 0)
      }
    }
    for candidate in others.sorted(by: Candidate.isBetter).prefix(totalCount - least.reduce(0, +)) {
      kept[candidate.mixture].append(candidate.expert)
    }
    return kept.map { $0.sorted() }
  }

  /// The experts of a mixture from the best to the worst.
  private func ranked(_ mixture: Int) -> [Int] {
    scores[mixture].indices.map {
      Candidate(mixture: mixture, expert: $0, isProtected: isProtected[mixture][$0], score: scores[mixture][$0])
    }
    .sorted(by: Candidate.isBetter).map(\.expert)
  }

  private struct Candidate {
    let mixture: Int
    let expert: Int
    let isProtected: Bool
    let score: Double

    static func isBetter(_ a: Candidate, _ b: Candidate) -> Bool {
      if a.isProtected != b.isProtected { return a.isProtected }
      if a.score != b.score { return a.score > b.score }
      return (a.mixture, a.expert) < (b.mixture, b.expert)
    }
  }
}

extension [MixtureUse] {
  /// The experts without which a model collapses: in the first three quarters of the layers, those whose largest
  /// activation exceeds the 99.5 % quantile of all experts and a tenth of the largest (arXiv 2507.23279, as REAP has
  /// it).
  /// - Returns: by mixture and expert.
  var superExperts: [[Bool]] {
    let activations = flatMap { $0.experts.map(\.largestActivation) }.sorted()
    guard let largest = activations.last else { return [] }
    let place = 0.995 * Double(activations.count - 1)
    let below = activations[Int(place)], above = activations[Swift.min(Int(place) + 1, activations.count - 1)]
    let quantile = below + Float(place - place.rounded(.down)) * (above - below)
    return enumerated().map { index, use in
      use.experts.map { 4 * index < 3 * count && $0.largestActivation > Swift.max(quantile, largest / 10) }
    }
  }
}
