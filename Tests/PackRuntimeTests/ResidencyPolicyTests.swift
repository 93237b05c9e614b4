import TensorCore
import Testing

@testable import PackRuntime

@Suite struct ResidencyPolicyTests {
  private func policy(_ byteCounts: [[Int]], active: Int, limit: Int) -> ResidencyPolicy {
    ResidencyPolicy(
      byteCounts: byteCounts, activeCounts: Array(repeating: active, count: byteCounts.count), limit: limit)
  }

  /// All that is loaded before something is waited for, each load finished before the next.
  private func loads(_ policy: inout ResidencyPolicy) -> [ResidencyPolicy.Load] {
    var loads: [ResidencyPolicy.Load] = []
    while let load = policy.next() {
      policy.finishLoad(of: load.expert)
      loads.append(load)
    }
    return loads
  }

  private func use(_ experts: [Int], of mixture: Int, _ policy: inout ResidencyPolicy) {
    policy.announce(experts, of: mixture)
    _ = loads(&policy)
    for expert in experts {
      let id = ExpertID(mixture: mixture, expert: expert)
      policy.beginUse(of: id)
      policy.finishUse(of: id)
      _ = loads(&policy)
    }
  }

  private func id(_ mixture: Int, _ expert: Int) -> ExpertID { ExpertID(mixture: mixture, expert: expert) }

  @Test func theMinimumIsTheLargestOfAnyMixture() {
    #expect(ResidencyPolicy.minimum(byteCounts: [[1, 9, 8], [10, 2, 3]], activeCounts: [2, 2]) == 17)
    #expect(ResidencyPolicy.minimum(byteCounts: [[1, 9, 8], [10, 2, 30]], activeCounts: [3, 1]) == 30)
  }

  @Test func whatDoesNotFitStreamsThroughInOrder() {
    var policy = policy([Array(repeating: 10, count: 8)], active: 2, limit: 40)
    policy.announce(Array(0..<8), of: 0)
    var order = loads(&policy)
    #expect(order.map(\.expert.expert) == [0, 1, 2, 3])
    for expert in 0..<8 {
      policy.beginUse(of: id(0, expert))
      // In use, it is not given up for what comes later.
      #expect(policy.next() == nil)
      policy.finishUse(of: id(0, expert))
      let next = loads(&policy)
      if expert < 4 { #expect(next == [.init(expert: id(0, expert + 4), evicted: [id(0, expert)])]) }
      order += next
    }
    #expect(order.prefix(8).map(\.expert.expert) == Array(0..<8))
    #expect(policy.counts.misses == 8 && policy.counts.hits == 0 && policy.counts.peakByteCount == 40)
  }

  /// The last three are in memory when all six are announced: the first one's room is taken from the very last.
  @Test func whereAllRoomIsAnnouncedTheLastGoesForTheFirst() {
    var policy = policy([Array(repeating: 1, count: 6)], active: 2, limit: 3)
    use([3, 4, 5], of: 0, &policy)
    policy.announce(Array(0..<6), of: 0)
    #expect(policy.counts.hits == 3 && policy.counts.misses == 6)
    #expect(loads(&policy) == [.init(expert: id(0, 0), evicted: [id(0, 5)])])
    // That one will have to be read again.
    #expect(policy.counts.hits == 2 && policy.counts.misses == 7)
    policy.beginUse(of: id(0, 0))
    policy.finishUse(of: id(0, 0))
    #expect(loads(&policy).first == .init(expert: id(0, 1), evicted: [id(0, 0)]))
  }

  @Test func whatWasReadAfterItWasAnnouncedWasNoHit() {
    var policy = policy([[1, 1, 1]], active: 1, limit: 2)
    policy.announce([0, 1], of: 0)
    _ = loads(&policy)
    policy.beginUse(of: id(0, 2))
    #expect(policy.next() == .init(expert: id(0, 2), evicted: [id(0, 1)]))
    #expect(policy.counts.hits == 0 && policy.counts.misses == 2)
  }

  @Test func rareAndFarGoesFirst() {
    // Expert 0 is used in every round, 1 and 2 in one each; four have room.
    var policy = policy(Array(repeating: [1, 1, 1, 1], count: 2), active: 1, limit: 4)
    for other in [1, 2] {
      use([0], of: 0, &policy)
      use([0], of: 1, &policy)
      use([other], of: 0, &policy)
      use([0], of: 1, &policy)
    }
    // In memory are (0, 0), (0, 1), (0, 2) and (1, 0). Mixture 0 is one step further than mixture 1 once it has run.
    policy.announce([3], of: 0)
    let load = policy.next()
    #expect(load?.expert == id(0, 3))
    #expect(load?.evicted == [id(0, 1)])
  }

  @Test func distanceDecidesBetweenEqualFrequencies() {
    var policy = policy(Array(repeating: [1, 1], count: 4), active: 1, limit: 4)
    for mixture in [0, 1, 2, 3] { use([0], of: mixture, &policy) }
    // Mixture 0 runs: 1 is next, and 0 itself is the farthest.
    policy.announce([1], of: 0)
    #expect(policy.next()?.evicted == [id(0, 0)])
  }

  @Test func whatFollowedBeforeIsLoadedAhead() {
    // After expert e of mixture 0 comes e + 1 of mixture 1.
    let count = 6
    var policy = policy(Array(repeating: Array(repeating: 1, count: count), count: 2), active: 1, limit: 3)
    var generator = SplitMix64(seed: 5)
    var guessed = 0
    for round in 0..<200 {
      let expert = Int.random(in: 0..<count, using: &generator)
      policy.announce([expert], of: 0)
      let ahead = loads(&policy).map(\.expert)
      policy.beginUse(of: id(0, expert))
      policy.finishUse(of: id(0, expert))
      let before = policy.counts.hits
      let late = loads(&policy).map(\.expert)
      use([(expert + 1) % count], of: 1, &policy)
      if round >= 100 {
        if (ahead + late).contains(where: { $0.mixture == 1 }) {
          guessed += 1
          #expect((ahead + late).filter { $0.mixture == 1 } == [id(1, (expert + 1) % count)])
        }
        #expect(policy.counts.hits == before + 1)
      }
    }
    #expect(guessed > 30)
    #expect(policy.counts.prefetchedUsed >= guessed)
  }

  /// The second guess is asked for while it is read.
  @Test(arguments: [true, false]) func guessesCountOnceTheyAreRead(isReadable: Bool) {
    var policy = policy([[1, 1], [1, 1]], active: 1, limit: 2)
    for (first, second) in [(0, 1), (1, 0)] {
      use([first], of: 0, &policy)
      use([second], of: 1, &policy)
    }
    #expect(policy.counts.prefetched == 1 && policy.counts.prefetchedUsed == 0)
    policy.announce([0], of: 0)
    #expect(policy.counts.prefetchedUsed == 1)
    policy.beginUse(of: id(0, 0))
    policy.finishUse(of: id(0, 0))
    #expect(policy.next() == .init(expert: id(1, 1), evicted: [id(0, 1)]))
    policy.announce([1], of: 1)
    #expect(policy.counts.prefetched == 1 && policy.counts.prefetchedUsed == 1)
    if isReadable {
      policy.finishLoad(of: id(1, 1))
      #expect(policy.counts.prefetched == 2 && policy.counts.prefetchedUsed == 2)
    } else {
      let isWaitedFor = policy.failLoad(of: id(1, 1))
      #expect(isWaitedFor && policy.counts.prefetched == 1 && policy.counts.prefetchedUsed == 1)
    }
  }

  @Test func aFailedLoadIsAskedForAgainWhenItIsAnnouncedAgain() {
    var policy = policy([[1, 1, 1]], active: 1, limit: 2)
    policy.announce([1], of: 0)
    let id = id(0, 1)
    #expect(policy.next()?.expert == id)
    let isWaitedFor = policy.failLoad(of: id)
    #expect(isWaitedFor && policy.next() == nil)
    policy.beginUse(of: id)
    policy.finishUse(of: id)
    policy.announce([1], of: 0)
    #expect(policy.next()?.expert == id)
  }

  /// Experts of many sizes, announced at random, used in order: the limit holds at every moment, nothing that is waited
  /// for goes except for what comes before it, everything comes, and what never went is a hit.
  @Test(arguments: 0..<20 as Range<UInt64>)
  func theLimitHoldsForAnySizes(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let mixtureCount = Int.random(in: 1...4, using: &generator), active = Int.random(in: 1...3, using: &generator)
    let byteCounts = (0..<mixtureCount).map { _ in (0..<9).map { _ in Int.random(in: 1...30, using: &generator) } }
    let minimum = ResidencyPolicy.minimum(
      byteCounts: byteCounts, activeCounts: Array(repeating: active, count: mixtureCount))
    let limit = minimum + Int.random(in: 0...60, using: &generator)
    var policy = policy(byteCounts, active: active, limit: limit)
    var present: Set<ExpertID> = []
    var peak = 0, hits = 0, uses = 0
    var violations: [String] = []
    func hold(_ condition: Bool, _ words: String) {
      if !condition { violations.append(words) }
    }
    for round in 0..<120 {
      let mixture = round % mixtureCount
      let count = round % 17 == 0 ? Int.random(in: 1...9, using: &generator) : active
      let experts = Array(0..<9).shuffled(using: &generator).prefix(count).sorted()
      var waiting = experts.map { id(mixture, $0) }
      policy.announce(experts, of: mixture)
      var kept = present.intersection(waiting)
      func step(inUse: ExpertID?) -> Bool {
        guard let load = policy.next() else { return false }
        hold(!present.contains(load.expert) && load.evicted.allSatisfy(present.contains), "\(load) is not possible")
        if let inUse { hold(!load.evicted.contains(inUse), "\(load) takes what is in use") }
        for (place, expert) in waiting.enumerated() where load.evicted.contains(expert) {
          hold(load.expert == waiting[0] && place > 0, "\(load) takes what is waited for")
        }
        present.subtract(load.evicted)
        kept.subtract(load.evicted.filter(waiting.contains))
        present.insert(load.expert)
        let total = present.reduce(0) { $0 + byteCounts[$1.mixture][$1.expert] }
        peak = max(peak, total)
        hold(total <= limit, "\(total) bytes")
        policy.finishLoad(of: load.expert)
        return true
      }
      while let next = waiting.first {
        // Some loads happen before the next use, some during it.
        while !present.contains(next), step(inUse: nil) {}
        hold(present.contains(next), "\(next) never comes")
        policy.beginUse(of: next)
        for _ in 0..<Int.random(in: 0...3, using: &generator) { _ = step(inUse: next) }
        policy.finishUse(of: next)
        waiting.removeFirst()
      }
      hits += kept.count
      uses += experts.count
    }
    #expect(violations == [])
    #expect(policy.counts.hits == hits && policy.counts.misses == uses - hits)
    #expect(policy.counts.peakByteCount == peak)
  }
}

@Suite struct RoutingHistoryTests {
  @Test func frequenciesAndPairsAreShares() {
    var history = RoutingHistory(expertCounts: [3, 3], activeCounts: [1, 1])
    for (first, second) in [(0, 2), (0, 2), (0, 1), (1, 0)] {
      history.record([first], of: 0)
      history.record([second], of: 1)
    }
    #expect(history.frequency(0, of: 0) == 0.75 && history.frequency(2, of: 1) == 0.5)
    history.record([0], of: 0)
    // Two of three pairs, drawn towards the frequency as if by two more.
    let expected = [(0 + 2 * 0.25) / 5, (1 + 2 * 0.25) / 5, (2 + 2 * 0.5) / 5]
    for (found, expected) in zip(history.likelihoodsOfNext(), expected) { #expect(abs(found - expected) < 1e-12) }
  }

  @Test func whatManyTokensChooseMakesNoPairs() {
    var history = RoutingHistory(expertCounts: [3, 3], activeCounts: [1, 1])
    history.record([0, 1, 2], of: 0)
    history.record([0, 1, 2], of: 1)
    history.record([0], of: 0)
    #expect(history.likelihoodsOfNext() == [1, 1, 1])
  }

  /// Two mixtures of an encoder run once, then two of a decoder again and again.
  @Test func whatFollowsIsLearned() {
    var history = RoutingHistory(expertCounts: [1, 1, 1, 1], activeCounts: [1, 1, 1, 1])
    #expect(history.distances(from: 3) == [1, 2, 3, 4])
    for mixture in [0, 1, 2, 3, 2, 3, 2] { history.record([0], of: mixture) }
    #expect(history.successor(of: 3) == 2)
    #expect(history.distances(from: 2) == [4, 4, 2, 1])
    #expect(history.distances(from: 3) == [4, 4, 1, 2])
  }
}
