import Parallelism
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
  @Test(arguments: [1, 2, 3, 7], [0, 1, 2, 5, 1_000])
  func everyIterationRunsOnce(threadCount: Int, count: Int) {
    let pool = WorkerPool(threadCount: threadCount)
    let runs = Mutex([Int](repeating: 0, count: count))
    for _ in 0..<20 { pool.forEach(count) { index in runs.withLock { $0[index] += 1 } } }
    #expect(runs.withLock { $0 } == [Int](repeating: 20, count: count))
  }

  @Test func nestedLoopsRunInline() {
    let pool = WorkerPool(threadCount: 3)
    let sum = Atomic<Int>(0)
    pool.forEach(10) { outer in pool.forEach(10) { inner in sum.wrappingAdd(outer * inner, ordering: .relaxed) } }
    #expect(sum.load(ordering: .relaxed) == 45 * 45)
  }

  @Test(arguments: [1, 2, 3])
  func chunksCoverTheOutput(threadCount: Int) {
    let pool = WorkerPool(threadCount: threadCount)
    var output = [Int32](repeating: -1, count: 103)
    var span = output.mutableSpan
    pool.forEachChunk(of: &span, chunkLength: 10) { chunk, part in
      for index in part.indices { part[index] = Int32(chunk * 10 + index) }
    }
    #expect(output == (0..<103).map(Int32.init))
  }

  @Test func mapKeepsOrderAndThrowsTheFirstFailure() throws {
    struct Failure: Error, Equatable { let index: Int }
    let pool = WorkerPool(threadCount: 3)
    #expect(try pool.map(50) { $0 * $0 } == (0..<50).map { $0 * $0 })
    #expect(throws: Failure(index: 7)) { try pool.map(50) { if $0 % 10 == 7 { throw Failure(index: $0) } else { 0 } } }
  }

  @Test func countsAtLeastOneThread() {
    #expect(AvailableThreads.current.count >= 1)
  }
}
