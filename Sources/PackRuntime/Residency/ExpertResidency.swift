import Execution
import ModelGraph
import Parallelism

/// The experts of a model within a limit of memory: a thread of its own reads what is needed and what is likely to be.
///
/// Results do not depend on it: whoever asks for an expert gets it, sooner or later.
final class ExpertResidency: Sendable {
  fileprivate struct State: Sendable {
    var policy: ResidencyPolicy
    var operators: [[GatedOperators?]]
    /// Why experts that are waited for are not coming.
    var failures: [ExpertID: any Error] = [:]
    var stalls = 0
    var stallDuration = Duration.zero
    var isStopped = false
  }

  fileprivate enum Order: Sendable {
    case load(ExpertID, evicted: [GatedOperators?])
    case stop
  }

  private let monitor: Monitor<State>
  private let thread: BackgroundThread
  private let totalByteCount: Int

  /// - Parameters:
  ///   - byteCounts: the memory of each expert of each mixture.
  ///   - activeCounts: experts that a token visits in each mixture.
  ///   - limit: at least `ResidencyPolicy.minimum`.
  ///   - load: reads an expert; called by one thread that is none of the caller's.
  init(
    byteCounts: [[Int]], activeCounts: [Int], limit: Int, load: @escaping @Sendable (ExpertID) throws -> GatedOperators
  ) {
    let monitor = Monitor(
      State(
        policy: ResidencyPolicy(byteCounts: byteCounts, activeCounts: activeCounts, limit: limit),
        operators: byteCounts.map { Array(repeating: nil, count: $0.count) }))
    self.monitor = monitor
    thread = BackgroundThread {
      while case .load(let id, var evicted) = monitor.wait({ $0.order() }) {
        // Their memory goes before that of the next one is taken.
        evicted.removeAll()
        let result = Result { try load(id) }
        monitor.withLock { $0.finish(id, result) }
        monitor.wake()
      }
    }
    totalByteCount = byteCounts.joined().reduce(0, +)
  }

  deinit {
    monitor.withLock { $0.isStopped = true }
    monitor.wake()
  }

  /// Says which experts of `mixture` are used next, in ascending order.
  func announce(_ experts: [Int], of mixture: Int) {
    let isWanting = monitor.withLock { state in
      state.failures.removeAll()
      state.policy.announce(experts, of: mixture)
      return state.policy.isWanting
    }
    if isWanting { monitor.wake() }
  }

  /// Lends the operators of an expert, which stays in memory meanwhile.
  /// - Throws: what reading it has thrown, and what `body` throws.
  func withExpert(_ id: ExpertID, _ body: (GatedOperators) throws -> Void) throws {
    defer {
      let isWanting = monitor.withLock { state in
        state.policy.finishUse(of: id)
        return state.policy.isWanting
      }
      if isWanting { monitor.wake() }
    }
    try body(operators(of: id))
  }

  private func operators(of id: ExpertID) throws -> GatedOperators {
    let resident = monitor.withLock { state in
      state.policy.beginUse(of: id)
      return state.operators[id.mixture][id.expert]
    }
    if let resident { return resident }
    monitor.wake()
    let start = ContinuousClock.now
    let result = monitor.wait { $0.outcome(of: id) }
    let duration = ContinuousClock.now - start
    monitor.withLock { state in
      state.stalls += 1
      state.stallDuration += duration
    }
    return try result.get()
  }

  var statistics: ExpertStatistics {
    monitor.withLock { state in
      let counts = state.policy.counts
      return ExpertStatistics(
        limit: state.policy.limit, peakByteCount: counts.peakByteCount, totalByteCount: totalByteCount,
        hits: counts.hits, misses: counts.misses, stalls: state.stalls,
        stallSeconds: state.stallDuration / .seconds(1), loadedByteCount: counts.loadedByteCount,
        prefetched: counts.prefetched, prefetchedUsed: counts.prefetchedUsed)
    }
  }
}

extension ExpertResidency.State {
  /// What the thread does next; nil when it waits.
  fileprivate mutating func order() -> ExpertResidency.Order? {
    if isStopped { return .stop }
    guard let load = policy.next() else { return nil }
    let evicted = load.evicted.map { id in
      defer { operators[id.mixture][id.expert] = nil }
      return operators[id.mixture][id.expert]
    }
    return .load(load.expert, evicted: evicted)
  }

  fileprivate mutating func finish(_ id: ExpertID, _ result: Result<GatedOperators, any Error>) {
    switch result {
    case .success(let loaded):
      operators[id.mixture][id.expert] = loaded
      policy.finishLoad(of: id)
    case .failure(let error):
      if policy.failLoad(of: id) { failures[id] = error }
    }
  }

  /// The operators of an expert, or why there are none; nil while it is not known.
  fileprivate mutating func outcome(of id: ExpertID) -> Result<GatedOperators, any Error>? {
    if let failure = failures.removeValue(forKey: id) { return .failure(failure) }
    return operators[id.mixture][id.expert].map { .success($0) }
  }
}

/// The experts of one mixture, as far as they are in memory.
struct ResidentExperts: ExpertOperators {
  let residency: ExpertResidency
  let mixture: Int

  func willUse(_ experts: [Int]) { residency.announce(experts, of: mixture) }

  func withExpert(_ index: Int, _ body: (GatedOperators) throws -> Void) throws {
    try residency.withExpert(ExpertID(mixture: mixture, expert: index), body)
  }
}
