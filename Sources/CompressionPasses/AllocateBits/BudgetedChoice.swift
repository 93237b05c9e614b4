/// The cheapest choice of one option for each of several units within a number of bytes, by dynamic programming over
/// the bytes used and the units of a group that are not left out.
enum BudgetedChoice {
  /// Units that follow one another, of which at least so many must have an option of more than 0 bytes.
  struct Group {
    let unitCount: Int
    let least: Int
  }

  /// Entries of the table of choices at most, and of a row of costs. Where exact bytes would need more, sizes are
  /// rounded up to a multiple of the smallest number of bytes that does.
  private static let largestTable = 1 << 26
  private static let largestRow = 1 << 20
  /// Marks a choice that made a unit more of those that must stay.
  private static let counts: UInt8 = 0x80

  /// - Parameters:
  ///   - costs: by unit and option; each unit has 1…128 options.
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
    let useful = min(room, extra.reduce(0) { $0 + ($1.max() ?? 0) })
    let divisor = extra.joined().reduce(0, greatestCommonDivisor)
    let tableRowCount = groups.reduce(0) { $0 + $1.unitCount * ($1.least + 1) }
    let stateCount = (groups.map(\.least).max() ?? 0) + 1
    let quantum = max(
      1, divisor, (useful * tableRowCount + largestTable - 1) / largestTable,
      (useful * stateCount + largestRow - 1) / largestRow)
    let width = useful / quantum + 1
    let sizes = extra.map { $0.map { ($0 + quantum - 1) / quantum } }

    // cheapest[s · width + c] is the least cost of the units so far that use at most c quanta, s of them in the group
    // at work stay, the last s standing for more as well.
    var cheapest = [Double](repeating: 0, count: width)
    var choices: [[UInt8]] = []
    for group in groups {
      cheapest += [Double](repeating: .infinity, count: group.least * width)
      for unit in choices.count..<choices.count + group.unitCount {
        var next = [Double](repeating: .infinity, count: cheapest.count)
        var choice = [UInt8](repeating: 0, count: cheapest.count)
        for (option, size) in sizes[unit].enumerated() where size < width {
          for stays in 0...group.least {
            let end = byteCounts[unit][option] > 0 ? min(stays + 1, group.least) : stays
            let code = UInt8(option) | (end > stays ? counts : 0)
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
        choices.append(choice)
      }
      cheapest = Array(cheapest[(group.least * width)...])
    }
    guard cheapest[width - 1].isFinite else { return nil }
    return path(through: choices, groups, sizes: sizes, width: width)
  }

  /// The choices that lead to all units being done, all groups having what they need, and all quanta used at most.
  private static func path(
    through choices: [[UInt8]], _ groups: [Group], sizes: [[Int]], width: Int
  ) -> [Int] {
    var best = [Int](repeating: 0, count: choices.count)
    var used = width - 1, unit = choices.count
    for group in groups.reversed() {
      var stays = group.least
      for _ in 0..<group.unitCount {
        unit -= 1
        let code = choices[unit][stays * width + used]
        best[unit] = Int(code & ~counts)
        used -= sizes[unit][best[unit]]
        if code & counts != 0 { stays -= 1 }
      }
    }
    return best
  }

  private static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? a : greatestCommonDivisor(b, a % b)
  }
}
