/// Which tokens go to which experts, with which weight: a list of (token, weight) for each expert.
///
/// One is shared by all mixtures of a program, which use it one after another.
final class Routing {
  /// Expert and weight of each choice, `activeCount` for each token.
  private var chosen: [Int] = []
  private var gates: [Float] = []
  /// Where each expert's choices begin in `order`; one more than there are experts.
  private var starts: [Int] = []
  /// Numbers of choices that were not left out, sorted by expert and then by token.
  private var order: [Int] = []
  private var activeCount = 1
  /// Of the choices made so far.
  private(set) var skips = ExpertSkips()

  /// Chooses for each token the `activeCount` experts of the highest probability, the lower index where two are equal.
  /// - Parameters:
  ///   - probabilities: (tokens, expertCount).
  ///   - normalizes: divides a token's weights by their sum.
  ///   - skipRatio: is given the number of a token; the experts chosen for it whose probability is below this share of the
  ///     largest are left out.
  func choose(
    _ probabilities: Span<Float>, expertCount: Int, activeCount: Int, normalizes: Bool,
    skipRatio: ((Int) -> Float)? = nil
  ) {
    self.activeCount = activeCount
    chosen.removeAll(keepingCapacity: true)
    gates.removeAll(keepingCapacity: true)
    for start in stride(from: 0, to: probabilities.count, by: expertCount) {
      let first = gates.count
      for _ in 0..<activeCount {
        let expert = best(probabilities.extracting(start..<start + expertCount), except: first)
        chosen.append(expert)
        gates.append(probabilities[start + expert])
      }
      if let skipRatio { skip(from: first, below: skipRatio(start / expertCount) * gates[first]) }
      guard normalizes else { continue }
      let sum = gates[first...].reduce(0, +)
      for choice in first..<gates.count { gates[choice] /= sum }
    }
    sort(expertCount: expertCount)
  }

  /// What stands in `chosen` for a choice that was left out.
  private static let none = -1

  /// Leaves out those of the last token's choices that are less likely than `least`.
  private func skip(from first: Int, below least: Float) {
    skips.choiceCount += gates.count - first - 1
    for choice in first + 1..<gates.count where gates[choice] < least {
      chosen[choice] = Self.none
      gates[choice] = 0
      skips.skippedCount += 1
    }
  }

  /// The tokens routed to `expert`, ascending.
  func tokenCount(of expert: Int) -> Int { starts[expert + 1] - starts[expert] }

  /// The token with number `index` among those routed to `expert`, and the weight of the expert's output for it.
  func choice(_ index: Int, of expert: Int) -> (token: Int, gate: Float) {
    let choice = order[starts[expert] + index]
    return (choice / activeCount, gates[choice])
  }

  /// All tokens routed to `expert`.
  func routed(to expert: Int) -> [RoutedToken] {
    (0..<tokenCount(of: expert)).map {
      let choice = choice($0, of: expert)
      return RoutedToken(token: choice.token, gate: choice.gate)
    }
  }

  /// The index of the largest probability among experts not in `chosen[first...]`; of NaNs, the first.
  private func best(_ probabilities: Span<Float>, except first: Int) -> Int {
    var best: Int?
    for expert in 0..<probabilities.count {
      if let best, !(probabilities[expert] > probabilities[best]) { continue }
      if chosen[first...].contains(expert) { continue }
      best = expert
    }
    return best ?? 0
  }

  /// Counting sort of the choices by expert.
  private func sort(expertCount: Int) {
    starts.removeAll(keepingCapacity: true)
    starts.append(contentsOf: repeatElement(0, count: expertCount + 1))
    for expert in chosen where expert != Self.none { starts[expert + 1] += 1 }
    for expert in 0..<expertCount { starts[expert + 1] += starts[expert] }
    order.removeAll(keepingCapacity: true)
    order.append(contentsOf: repeatElement(0, count: starts[expertCount]))
    // Filling backwards moves each end to its expert's start.
    for choice in chosen.indices.reversed() where chosen[choice] != Self.none {
      starts[chosen[choice] + 1] -= 1
      order[starts[chosen[choice] + 1]] = choice
    }
    starts.removeFirst()
    starts.append(order.count)
  }
}

/// How many of the experts chosen for tokens after each one's first were left out, in mixtures with thresholds, where the
/// graph is run so.
public struct ExpertSkips: Sendable, Equatable {
  public var choiceCount = 0
  public var skippedCount = 0

  public init() {}

  /// 0 where nothing was chosen.
  public var share: Double { choiceCount == 0 ? 0 : Double(skippedCount) / Double(choiceCount) }
}
