import Execution
import Synchronization
import TensorCore
import Testing

@testable import PackRuntime

@Suite struct ExpertResidencyTests {
  /// Counts the bytes of the experts that exist, and fails where it is told to.
  private final class Disk: Sendable {
    struct Failure: Error, Equatable { let id: ExpertID }

    let byteCounts: [[Int]]
    let failing = Mutex<Set<ExpertID>>([])
    let live = Mutex((now: 0, peak: 0))

    init(_ byteCounts: [[Int]]) { self.byteCounts = byteCounts }

    func load(_ id: ExpertID) throws -> GatedOperators {
      if failing.withLock({ $0.contains(id) }) { throw Failure(id: id) }
      let expert = LoadedExpert(id: id, disk: self)
      return GatedOperators(gate: nil, up: expert, down: expert)
    }

    func change(by byteCount: Int) {
      live.withLock { live in
        live.now += byteCount
        live.peak = max(live.peak, live.now)
      }
    }
  }

  private final class LoadedExpert: LinearOperator {
    let id: ExpertID
    let disk: Disk
    let shape = MatrixShape(outputCount: 1, inputCount: 1)

    init(id: ExpertID, disk: Disk) {
      self.id = id
      self.disk = disk
      disk.change(by: disk.byteCounts[id.mixture][id.expert])
    }

    deinit { disk.change(by: -disk.byteCounts[id.mixture][id.expert]) }

    func apply(_ x: Span<Float>, tokenCount: Int, into y: inout MutableSpan<Float>) {}
    func decodeRow(_ index: Int, into row: inout MutableSpan<Float>) {}
  }

  private func residency(_ disk: Disk, active: Int, limit: Int) -> ExpertResidency {
    ExpertResidency(
      byteCounts: disk.byteCounts, activeCounts: Array(repeating: active, count: disk.byteCounts.count), limit: limit
    ) { try disk.load($0) }
  }

  @Test(arguments: 0..<5 as Range<UInt64>)
  func everyoneGetsTheExpertAskedForWithinTheLimit(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    let disk = Disk((0..<3).map { _ in (0..<8).map { _ in Int.random(in: 1...9, using: &generator) } })
    let limit = 18 + Int(seed) * 4
    var wrong = 0, uses = 0
    do {
      let residency = residency(disk, active: 2, limit: limit)
      for round in 0..<600 {
        let mixture = round % 3
        let count = round % 41 == 0 ? 8 : 2
        let experts = Array(0..<8).shuffled(using: &generator).prefix(count).sorted()
        residency.announce(experts, of: mixture)
        for expert in experts {
          try residency.withExpert(ExpertID(mixture: mixture, expert: expert)) { operators in
            uses += 1
            if (operators.up as? LoadedExpert)?.id != ExpertID(mixture: mixture, expert: expert) { wrong += 1 }
          }
        }
      }
      let statistics = residency.statistics
      #expect(statistics.hits + statistics.misses == uses)
      #expect(statistics.peakByteCount <= limit && disk.live.withLock { $0.peak } <= limit)
      #expect(statistics.misses > 0 && statistics.hits > 0 && statistics.stalls <= uses)
      #expect(statistics.prefetchedUsed <= statistics.prefetched)
    }
    #expect(wrong == 0)
    // The thread has ended, and nothing is left behind.
    #expect(disk.live.withLock { $0.now } == 0)
  }

  @Test func anExpertThatNobodyAnnouncedComesToo() throws {
    let disk = Disk([[1, 1, 1, 1]])
    let residency = residency(disk, active: 1, limit: 1)
    residency.announce([0, 1], of: 0)
    for expert in [3, 1, 2, 0] {
      var found: ExpertID?
      try residency.withExpert(ExpertID(mixture: 0, expert: expert)) { found = ($0.up as? LoadedExpert)?.id }
      #expect(found?.expert == expert)
    }
  }

  @Test func aFailureComesToWhoWaitsAndIsOverWhenTheDiskIs() throws {
    let disk = Disk([[1, 1, 1, 1]])
    let residency = residency(disk, active: 1, limit: 2)
    let bad = ExpertID(mixture: 0, expert: 2)
    disk.failing.withLock { _ = $0.insert(bad) }
    for _ in 0..<3 {
      residency.announce([0, 2, 3], of: 0)
      try residency.withExpert(ExpertID(mixture: 0, expert: 0)) { _ in }
      #expect(throws: Disk.Failure(id: bad)) { try residency.withExpert(bad) { _ in } }
    }
    disk.failing.withLock { $0 = [] }
    residency.announce([2], of: 0)
    var isLent = false
    try residency.withExpert(bad) { _ in isLent = true }
    #expect(isLent)
  }

  @Test func anErrorOfTheBodyLeavesTheExpertFree() throws {
    struct Stop: Error {}
    let disk = Disk([[1, 1, 1]])
    let residency = residency(disk, active: 1, limit: 1)
    for expert in [0, 1, 2, 0] {
      residency.announce([expert], of: 0)
      #expect(throws: Stop.self) {
        try residency.withExpert(ExpertID(mixture: 0, expert: expert)) { _ in throw Stop() }
      }
    }
    #expect(residency.statistics.misses == 4)
  }

  @Test func sharesAreOfAllExperts() {
    #expect(ExpertMemoryLimit.share(0.25).byteCount(of: 1_000) == 250)
    #expect(ExpertMemoryLimit.share(3).byteCount(of: 1_000) == 1_000)
    #expect(ExpertMemoryLimit.bytes(7).byteCount(of: 1_000) == 7)
  }
}
