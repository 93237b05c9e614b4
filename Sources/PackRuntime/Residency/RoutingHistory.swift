/// What the routers of a model chose so far: how often each expert, and which experts after which.
///
/// Mixtures are numbered in the order of the graph. Which one runs after which is learned too: an encoder's are not
/// followed by themselves.
struct RoutingHistory: Sendable {
  /// The choices of one mixture.
  private struct Choices {
    /// Recorded choices, and those with each expert among them.
    var count = 0.0
    var uses: [Double]
    /// The mixture that ran after this one when it ran last.
    var successor: Int
    /// Pairs of an expert here and one of mixture `target`, chosen for the same token.
    var target: Int
    var pairs: [[Double]?]
    var pairCounts: [Double]
  }

  private var mixtures: [Choices]
  private var last: (mixture: Int, experts: [Int])?
  private let activeCounts: [Int]

  /// A frequency weighs as much as this many pairs.
  private static let frequencyWeight = 2.0

  /// - Parameters:
  ///   - expertCounts: of each mixture.
  ///   - activeCounts: experts that a token visits in each mixture.
  init(expertCounts: [Int], activeCounts: [Int]) {
    self.activeCounts = activeCounts
    mixtures = expertCounts.indices.map { index in
      let next = (index + 1) % expertCounts.count
      return Choices(
        uses: Array(repeating: 0, count: expertCounts[index]), successor: next, target: next,
        pairs: Array(repeating: nil, count: expertCounts[index]),
        pairCounts: Array(repeating: 0, count: expertCounts[index]))
    }
  }

  /// Records that tokens visit `experts` of `mixture`, which runs after the one that was recorded last.
  mutating func record(_ experts: [Int], of mixture: Int) {
    if let last {
      mixtures[last.mixture].successor = mixture
      // What many tokens choose together says nothing about one of them.
      if last.experts.count <= activeCounts[last.mixture], experts.count <= activeCounts[mixture] {
        recordPairs(last.experts, of: last.mixture, experts, of: mixture)
      }
    }
    mixtures[mixture].count += 1
    for expert in experts { mixtures[mixture].uses[expert] += 1 }
    last = (mixture, experts)
  }

  private mutating func recordPairs(_ experts: [Int], of mixture: Int, _ next: [Int], of target: Int) {
    if mixtures[mixture].target != target {
      mixtures[mixture].target = target
      for index in mixtures[mixture].pairs.indices {
        mixtures[mixture].pairs[index] = nil
        mixtures[mixture].pairCounts[index] = 0
      }
    }
    for expert in experts {
      mixtures[mixture].pairCounts[expert] += 1
      for other in next {
        mixtures[mixture].pairs[expert, default: mixtures[target].uses.count][other] += 1
      }
    }
  }

  /// The share of the choices of `mixture` that have `expert` among them.
  func frequency(_ expert: Int, of mixture: Int) -> Double {
    let choices = mixtures[mixture]
    return choices.count > 0 ? choices.uses[expert] / choices.count : 0
  }

  /// The mixture that is expected to run after `mixture`.
  func successor(of mixture: Int) -> Int { mixtures[mixture].successor }

  /// How likely each expert of the mixture after the one that was recorded last is to be chosen: the mean, over the
  /// experts e recorded last, of the share of pairs of e that have the expert, drawn towards its frequency.
  func likelihoodsOfNext() -> [Double] {
    guard let last else { return [] }
    let choices = mixtures[last.mixture]
    let frequencies = mixtures[choices.successor].uses.indices.map { frequency($0, of: choices.successor) }
    guard choices.target == choices.successor, !last.experts.isEmpty else { return frequencies }
    let weight = Self.frequencyWeight
    return frequencies.indices.map { other in
      let sum = last.experts.reduce(0) { sum, expert in
        let pairs = choices.pairs[expert].map { $0[other] } ?? 0
        return sum + (pairs + weight * frequencies[other]) / (choices.pairCounts[expert] + weight)
      }
      return sum / Double(last.experts.count)
    }
  }

  /// For each mixture, after how many others it runs next: 1 for the one after `mixture`. One that does not come up on
  /// the way back is as far as all together.
  func distances(from mixture: Int) -> [Int] {
    var distances = [Int](repeating: mixtures.count, count: mixtures.count)
    var isSeen = [Bool](repeating: false, count: mixtures.count)
    var next = mixtures[mixture].successor
    for distance in 1...mixtures.count where !isSeen[next] {
      isSeen[next] = true
      distances[next] = distance
      next = mixtures[next].successor
    }
    return distances
  }
}

extension [[Double]?] {
  /// The row at `index`, of `count` zeros where there was none.
  fileprivate subscript(index: Int, default count: Int) -> [Double] {
    get { self[index] ?? [Double](repeating: 0, count: count) }
    set { self[index] = newValue }
  }
}
