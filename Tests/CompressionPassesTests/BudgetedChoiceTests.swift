import Foundation
import TensorCore
import Testing

@testable import CompressionPasses

@Suite struct BudgetedChoiceTests {
  /// Every combination, the cheapest that fits.
  private static func leastCost(_ costs: [[Double]], _ byteCounts: [[Int]], within limit: Int) -> Double? {
    var best: Double?
    func visit(_ unit: Int, _ cost: Double, _ byteCount: Int) {
      guard byteCount <= limit else { return }
      guard unit < costs.count else {
        best = min(best ?? cost, cost)
        return
      }
      for option in costs[unit].indices {
        visit(unit + 1, cost + costs[unit][option], byteCount + byteCounts[unit][option])
      }
    }
    visit(0, 0, 0)
    return best
  }

  @Test func isTheBestOfAllCombinations() throws {
    var random = SplitMix64(seed: 3)
    var refused = 0, exact = 0
    for round in 0..<300 {
      let unitCount = 1 + Int(random.next() % 6)
      let optionCounts = (0..<unitCount).map { _ in 1 + Int(random.next() % 4) }
      // Sizes with and without a common divisor.
      let unit = round % 2 == 0 ? 1 : 24
      let byteCounts = optionCounts.map { (0..<$0).map { _ in unit * Int(random.next() % 50) } }
      let costs = optionCounts.map { (0..<$0).map { _ in Double(random.nextUnitFloat()) } }
      let limit = unit * Int(random.next() % UInt64(50 * unitCount)) + Int(random.next() % 3)
      let expected = Self.leastCost(costs, byteCounts, within: limit)
      let best = BudgetedChoice.best(costs: costs, byteCounts: byteCounts, within: limit)
      guard let best, let expected else {
        #expect(best == nil && expected == nil)
        refused += 1
        continue
      }
      #expect(zip(byteCounts, best).reduce(0) { $0 + $1.0[$1.1] } <= limit)
      #expect(abs(zip(costs, best).reduce(0) { $0 + $1.0[$1.1] } - expected) < 1e-12)
      exact += 1
    }
    #expect(refused > 10 && exact > 200)
  }

  /// Units of 0 bytes are left out, and of every group enough must stay.
  @Test func groupsKeepAsManyAsTheyMust() throws {
    var random = SplitMix64(seed: 5)
    var found = 0, held = 0
    for _ in 0..<300 {
      let groups = (0..<1 + Int(random.next() % 2)).map { _ in
        let unitCount = 1 + Int(random.next() % 4)
        return BudgetedChoice.Group(unitCount: unitCount, least: Int(random.next() % UInt64(unitCount + 1)))
      }
      let unitCount = groups.reduce(0) { $0 + $1.unitCount }
      let byteCounts = (0..<unitCount).map { _ in [5 + Int(random.next() % 20), 3 + Int(random.next() % 5), 0] }
      let costs = (0..<unitCount).map { _ in (0..<3).map { _ in Double(random.nextUnitFloat()) } }
      let limit = Int(random.next() % UInt64(12 * unitCount))
      var expected: Double?, free: Double?
      func visit(_ chosen: [Int]) {
        guard chosen.count == unitCount else {
          for option in 0..<3 { visit(chosen + [option]) }
          return
        }
        guard zip(byteCounts, chosen).reduce(0, { $0 + $1.0[$1.1] }) <= limit else { return }
        let cost = zip(costs, chosen).reduce(0) { $0 + $1.0[$1.1] }
        free = min(free ?? cost, cost)
        var first = 0
        for group in groups {
          guard chosen[first..<first + group.unitCount].count(where: { $0 != 2 }) >= group.least else { return }
          first += group.unitCount
        }
        expected = min(expected ?? cost, cost)
      }
      visit([])
      let best = BudgetedChoice.best(costs: costs, byteCounts: byteCounts, groups: groups, within: limit)
      guard let best, let expected else {
        #expect(best == nil && expected == nil)
        continue
      }
      found += 1
      if expected != free { held += 1 }
      #expect(zip(byteCounts, best).reduce(0) { $0 + $1.0[$1.1] } <= limit)
      var first = 0
      for group in groups {
        #expect(best[first..<first + group.unitCount].count { $0 != 2 } >= group.least)
        first += group.unitCount
      }
      #expect(abs(zip(costs, best).reduce(0) { $0 + $1.0[$1.1] } - expected) < 1e-12)
    }
    #expect(found > 100 && held > 20)
  }

  /// A few units of enormous sizes need no table as long as their bytes.
  @Test func fewLargeUnitsAreRoundedUp() throws {
    let byteCounts = [[1 << 40, (1 << 39) + 7, 1], [1 << 41, (1 << 38) + 3, 5]]
    let best = try #require(
      BudgetedChoice.best(costs: [[0, 1, 9], [0, 1, 9]], byteCounts: byteCounts, within: (1 << 40) + (1 << 39)))
    #expect(best == [0, 1])
  }

  @Test func aTableTooLargeIsRoundedUpNotOver() throws {
    // 3,000 units of sizes without a common divisor: 2^26 entries hold a quantum of some bytes.
    var random = SplitMix64(seed: 4)
    let byteCounts = (0..<3_000).map { _ in [0, 1 + Int(random.next() % 1_000), 1_000 + Int(random.next() % 1_000)] }
    let costs = byteCounts.map { sizes in [2.0, 1.0 + Double(random.nextUnitFloat()), Double(random.nextUnitFloat())] }
    let limit = 1_500_000
    let best = try #require(BudgetedChoice.best(costs: costs, byteCounts: byteCounts, within: limit))
    let used = zip(byteCounts, best).reduce(0) { $0 + $1.0[$1.1] }
    #expect(used <= limit && used > limit * 95 / 100)
  }

  /// A large mixture of experts: 24 layers of 128, of which 8 must stay. A third of the bytes that all at two bits take
  /// must be used well: the cheapest cost is at most a little above that of sharing out without whole units.
  @Test func manyGroupsThatMustKeepSomeAreNotRoundedAway() throws {
    var random = SplitMix64(seed: 6)
    let groups = [BudgetedChoice.Group](repeating: .init(unitCount: 128, least: 8), count: 24)
    let weights = (0..<24 * 128).map { _ in Double(random.nextUnitFloat()) * Double(random.nextUnitFloat()) }
    // 4.7 million weights at 3, 1.2 and 0.5 bits, or none.
    let byteCounts = weights.indices.map { [1_769_472 + $0 % 7, 707_789 + $0 % 5, 294_912 + $0 % 3, 0] }
    let costs = weights.map { [0.02 * $0, 0.2 * $0, 0.5 * $0, $0] }
    let limit = weights.count * 442_368
    let best = try #require(
      BudgetedChoice.best(costs: costs, byteCounts: byteCounts, groups: groups, within: limit))
    let used = zip(byteCounts, best).reduce(0) { $0 + $1.0[$1.1] }
    #expect(used <= limit && used > limit * 99 / 100)
    for group in 0..<24 { #expect(best[group * 128..<(group + 1) * 128].count { $0 != 3 } >= 8) }
    // Lagrange: for any price of a byte the cost plus what is paid is at least this, so that it bounds the cheapest.
    var bound = 0.0
    for exponent in 0..<60 {
      let price = 1e-9 * pow(1.1, Double(exponent))
      let sum = zip(costs, byteCounts).reduce(0.0) { sum, unit in
        sum + zip(unit.0, unit.1).map { $0 + price * Double($1) }.min()!
      }
      bound = max(bound, sum - price * Double(limit))
    }
    let cost = zip(costs, best).reduce(0) { $0 + $1.0[$1.1] }
    #expect(cost < 1.02 * bound, "\(cost) of \(bound)")
  }
}
