/// The cheapest choice of one option for each of several units within a number of bytes, by dynamic programming: in
/// each group over the bytes used and the units that are not left out, then over the groups.
enum BudgetedChoice {
  /// Units that follow one another, of which at least so many must have an option of more than 0 bytes.
  struct Group {
    let unitCount: Int
    let least: Int
  }

  /// Of allocations, whose numbers take seven bits beside a mark.
  static let mostOptions = 128

  /// Choices at most in the tables of all groups and of one, costs at most in a row, and sums at most that are compared
  /// for all groups. Where exact bytes would need more, sizes are rounded up to a multiple of the smallest number of
  /// bytes that does: those of units within a group, and again those of groups.
  private static let largestTables = 1 << 29
  private static let largestTable = 1 << 26
  private static let largestRow = 1 << 20
  private static let mostSums = 0x1p30

  /// - Parameters:
  ///   - costs: by unit and option; each unit has 1…``mostOptions`` options.
  ///   - byteCounts: by unit and option.
  ///   - groups: all units; nil where any may have 0 bytes.
  /// - Returns: the number of an option for each unit, the first of options that are as good; nil where even the
  ///   smallest do not fit.
  static func best(
    costs: [[Double]], byteCounts: [[Int]], groups: [Group]? = nil, within limit: Int
  ) -> [Int]? {
    let groups = groups ?? [Group(unitCount: costs.count, least: 0)]
    let smallest = byteCounts.map { $0.min() ?? 0 }
    let room = limit - smallest.reduce(0, +)
    guard room >= 0 else { return nil }
    let extra = zip(byteCounts, smallest).map { counts, smallest in counts.map { $0 - smallest } }

    var useful: [Int] = []  // bytes beyond the smallest that each group can have a use for
    var quantum = max(1, extra.joined().reduce(0, greatestCommonDivisor)), first = 0
    for group in groups {
      let most = extra[first..<first + group.unitCount].reduce(0) { $0 + ($1.max() ?? 0) }
      useful.append(min(room, most))
      quantum = max(
        quantum, roundedUp(useful.last! * group.unitCount * (group.least + 1), largestTable),
        roundedUp(useful.last! * (group.least + 1), largestRow))
      first += group.unitCount
    }
    let choiceCount = zip(useful, groups).reduce(0) { $0 + $1.0 * $1.1.unitCount * ($1.1.least + 1) }
    quantum = max(quantum, roundedUp(choiceCount, largestTables))
    first = 0
    let solvers = groups.map { group in
      defer { first += group.unitCount }
      return UnitChoice(units: first..<first + group.unitCount, costs: costs, byteCounts: byteCounts, extra: extra,
        quantum: quantum, least: group.least)
    }
    guard let widths = shares(of: solvers, useful, room: room, quantum: quantum) else { return nil }
    return zip(solvers, widths).flatMap { solver, width in solver.best(width: width) }
  }

  /// How many quanta each group has at most, and one more, so that all together are cheapest.
  private static func shares(of solvers: [UnitChoice], _ useful: [Int], room: Int, quantum: Int) -> [Int]? {
    let all = min(room, useful.reduce(0, +))
    let sums = Double(all) * Double(useful.dropFirst().reduce(0, +))
    // Quanta in one step of what a group is given.
    let step = max(1, roundedUp(Int((sums / mostSums).squareRoot().rounded(.up)), quantum))
    let count = all / quantum / step + 1
    var cheapest: [Double] = []
    var choices: [[Int32]] = []
    for (solver, bytes) in zip(solvers, useful) {
      let width = bytes / quantum + 1
      let costs = solver.costs(width: width)
      let given = (0...roundedUp(width - 1, step)).prefix(count).map { costs[min($0 * step, width - 1)] }
      guard !choices.isEmpty else {
        choices.append((0..<count).map { Int32(min($0, given.count - 1)) })
        cheapest = choices[0].map { given[Int($0)] }
        continue
      }
      var next = [Double](repeating: .infinity, count: count)
      var choice = [Int32](repeating: 0, count: count)
      for (steps, cost) in given.enumerated() where cost.isFinite {
        for used in steps..<count {
          let sum = cheapest[used &- steps] + cost
          if sum < next[used] {
            next[used] = sum
            choice[used] = Int32(steps)
          }
        }
      }
      cheapest = next
      choices.append(choice)
    }
    guard cheapest[count - 1].isFinite else { return nil }
    var widths = useful.map { $0 / quantum + 1 }
    var used = count - 1
    for index in solvers.indices.reversed() {
      let steps = Int(choices[index][used])
      widths[index] = min(widths[index], steps * step + 1)
      used -= steps
    }
    return widths
  }

  private static func roundedUp(_ count: Int, _ divisor: Int) -> Int { (count + divisor - 1) / divisor }

  private static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? a : greatestCommonDivisor(b, a % b)
  }
}

/// The choice within one group.
private struct UnitChoice {
  /// By unit and option: what it costs, quanta beyond the smallest option, and whether it has any bytes.
  private let costs: [[Double]]
  private let sizes: [[Int]]
  private let hasBytes: [[Bool]]
  private let least: Int

  init(
    units: Range<Int>, costs: [[Double]], byteCounts: [[Int]], extra: [[Int]], quantum: Int, least: Int
  ) {
    self.costs = Array(costs[units])
    sizes = extra[units].map { $0.map { ($0 + quantum - 1) / quantum } }
    hasBytes = byteCounts[units].map { $0.map { $0 > 0 } }
    self.least = least
  }

  /// The least cost within 0, 1, … width − 1 quanta.
  func costs(width: Int) -> [Double] { solve(width: width) { _ in } }

  /// The options of the cheapest choice within width − 1 quanta.
  func best(width: Int) -> [Int] {
    var choices: [[UInt8]] = []
    _ = solve(width: width) { choices.append($0) }
    var best = [Int](repeating: 0, count: choices.count)
    var used = width - 1, stays = least
    for unit in choices.indices.reversed() {
      let code = choices[unit][stays * width + used]
      best[unit] = Int(code & ~Self.counts)
      used -= sizes[unit][best[unit]]
      if code & Self.counts != 0 { stays -= 1 }
    }
    return best
  }

  /// Marks a choice that made a unit more of those that must stay.
  private static let counts: UInt8 = 0x80

  /// - Parameter record: is given the choices of each unit, by those that stay and quanta.
  private func solve(width: Int, _ record: ([UInt8]) -> Void) -> [Double] {
    // cheapest[s · width + c] is the least cost of the units so far that use at most c quanta and of which s stay, the
    // last s standing for more as well.
    var cheapest = [Double](repeating: .infinity, count: (least + 1) * width)
    for used in 0..<width { cheapest[used] = 0 }
    for unit in costs.indices {
      var next = [Double](repeating: .infinity, count: cheapest.count)
      var choice = [UInt8](repeating: 0, count: cheapest.count)
      for (option, size) in sizes[unit].enumerated() where size < width {
        for stays in 0...least {
          let end = hasBytes[unit][option] ? min(stays + 1, least) : stays
          let code = UInt8(option) | (end > stays ? Self.counts : 0)
          for used in size..<width {
            let cost = cheapest[stays &* width &+ used &- size] + costs[unit][option]
            if cost < next[end &* width &+ used] {
              next[end &* width &+ used] = cost
              choice[end &* width &+ used] = code
            }
          }
        }
      }
      cheapest = next
      record(choice)
    }
    return Array(cheapest[(least * width)...])
  }
}
