/// Confidence intervals for means over tokens that come in dependent blocks.
///
/// Tokens of one window share a context and their errors go together, so whole windows are drawn, with replacement, as
/// often as there are windows; the interval spans the middle 95 % of the means of such draws (Künsch 1989; Efron's
/// percentile method).
public enum BlockBootstrap {
  /// Below this many blocks a draw has too few distinct outcomes to tell a spread.
  public static let fewestBlocks = 10
  public static let resampleCount = 1_000

  /// One interval per column for Σ column / Σ counts; all columns see the same draws.
  /// - Parameters:
  ///   - counts: tokens of each block, at least one block and one token each.
  ///   - columns: each column's sum over the tokens of each block, as long as `counts`.
  public static func intervals(
    counts: [Int], columns: [[Double]], using generator: inout some RandomNumberGenerator
  ) -> [ConfidenceInterval] {
    precondition(counts.allSatisfy { $0 > 0 } && !counts.isEmpty)
    var draws = columns.map { _ in [Double]() }
    var sums = [Double](repeating: 0, count: columns.count)
    for _ in 0..<resampleCount {
      var count = 0
      for column in sums.indices { sums[column] = 0 }
      for _ in counts.indices {
        let block = Int(generator.next().multipliedFullWidth(by: UInt64(counts.count)).high)
        count += counts[block]
        for column in sums.indices { sums[column] += columns[column][block] }
      }
      for column in sums.indices { draws[column].append(sums[column] / Double(count)) }
    }
    let total = Double(counts.reduce(0, +))
    return columns.indices.map { column in
      let estimate = columns[column].reduce(0, +) / total
      let means = Percentiles(of: draws[column])
      return ConfidenceInterval(
        estimate: estimate, low: min(estimate, means.value(at: 0.025)), high: max(estimate, means.value(at: 0.975)))
    }
  }
}
