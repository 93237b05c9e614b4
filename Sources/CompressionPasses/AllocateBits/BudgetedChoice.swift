/// The cheapest choice of one option for each of several units within a number of bytes, by dynamic programming over
/// the bytes used.
enum BudgetedChoice {
  /// Entries of the table of choices at most. Where exact bytes would need more, sizes are rounded up to a multiple of
  /// the smallest number of bytes that does.
  private static let largestTable = 1 << 26

  /// - Parameters:
  ///   - costs: by unit and option; each unit has 1…256 options.
  ///   - byteCounts: by unit and option.
  /// - Returns: the number of an option for each unit, the first of options that are as good; nil where even the
  ///   smallest do not fit.
  static func best(costs: [[Double]], byteCounts: [[Int]], within limit: Int) -> [Int]? {
    let least = byteCounts.map { $0.min() ?? 0 }
    let room = limit - least.reduce(0, +)
    guard room >= 0 else { return nil }
    let extra = zip(byteCounts, least).map { counts, least in counts.map { $0 - least } }
    let useful = min(room, extra.reduce(0) { $0 + ($1.max() ?? 0) })
    let divisor = extra.joined().reduce(0, greatestCommonDivisor)
    let quantum = max(1, divisor, (useful * costs.count + largestTable - 1) / largestTable)
    let capacity = useful / quantum
    // cheapest[c] is the least cost of the units so far that use at most c quanta.
    var cheapest = [Double](repeating: 0, count: capacity + 1)
    var choices: [[UInt8]] = []
    for unit in costs.indices {
      let sizes = extra[unit].map { ($0 + quantum - 1) / quantum }
      var next = [Double](repeating: .infinity, count: capacity + 1)
      var choice = [UInt8](repeating: 0, count: capacity + 1)
      for (option, size) in sizes.enumerated() where size <= capacity {
        for used in size...capacity {
          let cost = cheapest[used - size] + costs[unit][option]
          if cost < next[used] {
            next[used] = cost
            choice[used] = UInt8(option)
          }
        }
      }
      cheapest = next
      choices.append(choice)
    }
    var used = capacity
    var best = [Int](repeating: 0, count: costs.count)
    for unit in costs.indices.reversed() {
      best[unit] = Int(choices[unit][used])
      used -= (extra[unit][best[unit]] + quantum - 1) / quantum
    }
    return best
  }

  private static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? a : greatestCommonDivisor(b, a % b)
  }
}
