import Glibc
import Synchronization

/// A fixed set of threads that share out the iterations of a loop.
///
/// Iterations are handed out one at a time from a shared counter, and the caller works too: a core that is stolen by
/// another process delays only the iteration it holds. Waiting threads spin for some microseconds and then sleep.
/// Results must not depend on which thread runs an iteration; then they do not depend on the thread count either.
@safe public final class WorkerPool: Sendable {
  /// Threads that take part in a loop, the caller included.
  public let threadCount: Int

  private let shared: SharedState
  private let threads: [BackgroundThread]

  /// - Parameter threadCount: at least 1; with 1 everything runs on the caller.
  public init(threadCount: Int) {
    precondition(threadCount >= 1)
    self.threadCount = threadCount
    let shared = SharedState()
    self.shared = shared
    threads = (1..<threadCount).map { _ in BackgroundThread { shared.work() } }
  }

  deinit { shared.stop() }

  /// Runs `body(0)` … `body(count - 1)`, in any order and concurrently, and returns when all are done.
  /// A loop started inside a loop runs on the thread that starts it.
  public func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
    guard threadCount > 1, count > 1, shared.reserve() else {
      for index in 0..<count { body(index) }
      return
    }
    defer { shared.unreserve() }
    withoutActuallyEscaping(body) { body in
      let job = Job(count: count, body: body)
      shared.publish(job)
      job.run()
      shared.withdraw()
      job.end()
    }
  }

  /// The results of `body(0)` … `body(count - 1)`, in that order.
  /// - Throws: the error of the lowest index that failed.
  public func map<Value: Sendable>(_ count: Int, _ body: @Sendable (Int) throws -> Value) throws -> [Value] {
    let results = Mutex([Result<Value, any Error>?](repeating: nil, count: count))
    forEach(count) { index in
      let result = Result { try body(index) }
      results.withLock { $0[index] = result }
    }
    return try results.withLock { try $0.map { try $0!.get() } }
  }

  /// Splits `output` into chunks of `chunkLength` elements (the last may be shorter) and lends each to `body` with its
  /// chunk number, concurrently.
  public func forEachChunk<Element: BitwiseCopyable>(
    of output: inout MutableSpan<Element>, chunkLength: Int, _ body: @Sendable (Int, inout MutableSpan<Element>) -> Void
  ) {
    precondition(chunkLength > 0)
    let count = output.count
    unsafe output.withUnsafeMutableBufferPointer { buffer in
      let chunks = unsafe DisjointChunks(buffer: buffer)
      forEach((count + chunkLength - 1) / chunkLength) { chunk in
        let range = chunk * chunkLength..<min(count, (chunk + 1) * chunkLength)
        var span = unsafe chunks.buffer.extracting(range).mutableSpan
        body(chunk, &span)
      }
    }
  }
}

/// Lets one buffer cross into a concurrent loop. Sound because each iteration touches only its own chunk.
@unsafe private struct DisjointChunks<Element>: @unchecked Sendable {
  let buffer: UnsafeMutableBufferPointer<Element>
}

/// One loop: a counter of iterations handed out.
///
/// `@unchecked Sendable`: `body` changes only in `end()`, which the caller runs after every thread has left the loop.
private final class Job: @unchecked Sendable {
  private let count: Int
  private var body: (@Sendable (Int) -> Void)?
  private let next = Atomic<Int>(0)

  init(count: Int, body: @escaping @Sendable (Int) -> Void) {
    self.count = count
    self.body = body
  }

  /// Never inlined, so that no reference to the caller's closure outlives the call.
  @inline(never) func run() {
    guard let body else { return }
    while true {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard index < count else { return }
      body(index)
    }
  }

  /// Lets go of the caller's closure, even where a thread still holds the job.
  func end() { body = nil }
}

/// What the pool's threads share: the current job, guarded by a mutex, and the two conditions they sleep on.
///
/// `@unchecked Sendable`: `job`, `stopped` and the conditions are touched only with the mutex held.
@safe private final class SharedState: @unchecked Sendable {
  /// Turns of a waiting loop before a thread sleeps: about 20 µs, longer than what one thread usually waits for
  /// another's last piece of a product. After fewer, threads would fall asleep between products.
  private static let spinCount = 60_000

  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let published: UnsafeMutablePointer<pthread_cond_t>
  private let finished: UnsafeMutablePointer<pthread_cond_t>
  private var job: Job?
  private var stopped = false
  private let generation = Atomic<Int>(0)
  private let activeCount = Atomic<Int>(0)
  private let reserved = Atomic<Bool>(false)

  init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe published = .allocate(capacity: 1)
    unsafe finished = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(published, nil)
    unsafe pthread_cond_init(finished, nil)
  }

  deinit {
    unsafe pthread_cond_destroy(finished)
    unsafe pthread_cond_destroy(published)
    unsafe pthread_mutex_destroy(mutex)
    unsafe finished.deallocate()
    unsafe published.deallocate()
    unsafe mutex.deallocate()
  }

  /// Takes the pool for one loop; false when a loop is running already.
  func reserve() -> Bool {
    reserved.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
  }

  func unreserve() { reserved.store(false, ordering: .releasing) }

  func publish(_ job: Job) {
    unsafe pthread_mutex_lock(mutex)
    self.job = job
    generation.wrappingAdd(1, ordering: .releasing)
    unsafe pthread_cond_broadcast(published)
    unsafe pthread_mutex_unlock(mutex)
  }

  /// Takes the job back and waits for the threads that joined it; one that comes later finds none and sleeps again.
  func withdraw() {
    unsafe pthread_mutex_lock(mutex)
    self.job = nil
    unsafe pthread_mutex_unlock(mutex)
    var spins = 0
    while activeCount.load(ordering: .acquiring) > 0, spins < Self.spinCount { spins += 1 }
    if spins == Self.spinCount {
      unsafe pthread_mutex_lock(mutex)
      while activeCount.load(ordering: .acquiring) > 0 { unsafe pthread_cond_wait(finished, mutex) }
      unsafe pthread_mutex_unlock(mutex)
    }
  }

  func stop() {
    unsafe pthread_mutex_lock(mutex)
    stopped = true
    generation.wrappingAdd(1, ordering: .releasing)
    unsafe pthread_cond_broadcast(published)
    unsafe pthread_mutex_unlock(mutex)
  }

  /// The life of one thread.
  func work() {
    var seen = 0
    while true {
      var spins = 0
      while generation.load(ordering: .acquiring) == seen, spins < Self.spinCount { spins += 1 }
      unsafe pthread_mutex_lock(mutex)
      while generation.load(ordering: .acquiring) == seen { unsafe pthread_cond_wait(published, mutex) }
      seen = generation.load(ordering: .acquiring)
      let isStopped = stopped
      let job = job
      if job != nil { activeCount.wrappingAdd(1, ordering: .acquiringAndReleasing) }
      unsafe pthread_mutex_unlock(mutex)
      if isStopped { return }
      guard let job else { continue }
      job.run()
      if activeCount.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
        unsafe pthread_mutex_lock(mutex)
        unsafe pthread_cond_signal(finished)
        unsafe pthread_mutex_unlock(mutex)
      }
    }
  }
}
