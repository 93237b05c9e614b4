import Parallelism
import Testing

@Suite struct MonitorTests {
  /// Two threads hand a number to and fro: each waits for its turn.
  @Test func threadsTakeTurns() {
    let monitor = Monitor([Int]())
    do {
      let thread = BackgroundThread {
        for turn in 0..<500 {
          monitor.wait { $0.count == 2 * turn + 1 ? $0.append(1) : nil }
          monitor.wake()
        }
      }
      for turn in 0..<500 {
        monitor.wait { $0.count == 2 * turn ? $0.append(0) : nil }
        monitor.wake()
      }
      withExtendedLifetime(thread) {}
    }
    #expect(monitor.withLock { $0 } == (0..<1_000).map { $0 % 2 })
  }

  @Test func lettingGoOfAThreadWaitsForIt() {
    let count = Monitor(0)
    var thread: BackgroundThread? = BackgroundThread {
      count.wait { $0 == 1 ? () : nil }
      for _ in 0..<10_000 { count.withLock { $0 += 1 } }
    }
    count.withLock { $0 = 1 }
    count.wake()
    withExtendedLifetime(thread) {}
    thread = nil
    #expect(count.withLock { $0 } == 10_001)
  }
}
