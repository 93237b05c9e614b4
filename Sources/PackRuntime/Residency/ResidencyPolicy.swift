/// One expert of one mixture of a model, by their numbers.
struct ExpertID: Hashable, Sendable {
  let mixture: Int
  let expert: Int
}

/// Decides which experts are in memory, what is loaded next, and what has to go for it; knows neither threads nor files.
///
/// After EdgeMoE (arXiv 2308.14352): what is used rarely, and in a layer that is far from running, goes first. An
/// expert that was announced and has not been used is kept, with one exception: the one that is used next has to find
/// room, and where announced ones take all of it, the one used last goes.
struct ResidencyPolicy: Sendable {
  /// The next thing to do: let go of some experts, then read another.
  struct Load: Equatable, Sendable {
    let expert: ExpertID
    let evicted: [ExpertID]
  }

  private struct Entry {
    enum State { case absent, loading, resident, failed }

    let byteCount: Int
    var state = State.absent
    var isAnnounced = false
    /// Whether it was in memory when it was announced, and has stayed since.
    var isHit = false
    /// Whether it was loaded on a guess and not asked for yet.
    var isGuess = false
  }

  /// Most bytes of the experts that are in memory or being read.
  let limit: Int
  private(set) var counts = ExpertCounts()

  private let activeCounts: [Int]
  private var entries: [[Entry]]
  private var residents: [ExpertID] = []
  private var byteCount = 0
  /// The expert in use and those to be used, in that order.
  private var announced: [ExpertID] = []
  /// Experts of the next mixture that are worth loading, the likeliest first.
  private var guesses: [ExpertID] = []
  private var history: RoutingHistory
  /// The mixture that was announced last, and for each the discount of what it will need.
  private var current = 0
  private var discounts: [Double]
  private var likelihoods: [Double] = []

  /// What an expert is worth falls by this for each mixture that runs before its own.
  private static let discount = 0.9

  /// - Parameters:
  ///   - byteCounts: the memory of each expert of each mixture.
  ///   - activeCounts: experts that a token visits in each mixture.
  ///   - limit: at least ``minimum(byteCounts:activeCounts:)``.
  init(byteCounts: [[Int]], activeCounts: [Int], limit: Int) {
    precondition(limit >= Self.minimum(byteCounts: byteCounts, activeCounts: activeCounts))
    self.limit = limit
    self.activeCounts = activeCounts
    entries = byteCounts.map { $0.map { Entry(byteCount: $0) } }
    history = RoutingHistory(expertCounts: byteCounts.map(\.count), activeCounts: activeCounts)
    discounts = Array(repeating: 1, count: byteCounts.count)
  }

  /// The memory of the largest experts that one token may visit in one mixture.
  static func minimum(byteCounts: [[Int]], activeCounts: [Int]) -> Int {
    zip(byteCounts, activeCounts).map { $0.sorted(by: >).prefix($1).reduce(0, +) }.max() ?? 0
  }

  /// Whether ``next()`` may have something to do.
  var isWanting: Bool { !guesses.isEmpty || announced.contains { self[$0].state == .absent } }

  /// Says which experts of `mixture` are used next, in this order; what was announced before is over.
  mutating func announce(_ experts: [Int], of mixture: Int) {
    for id in announced { self[id].isAnnounced = false }
    announced.removeAll(keepingCapacity: true)
    for expert in experts {
      let id = ExpertID(mixture: mixture, expert: expert)
      self[id].isHit = self[id].state == .resident
      if self[id].isHit { counts.hits += 1 } else { counts.misses += 1 }
      mark(id)
      announced.append(id)
    }
    history.record(experts, of: mixture)
    predict(after: mixture, choiceCount: experts.count)
  }

  /// Says that an expert is used now, whether or not it was announced; one is at a time.
  mutating func beginUse(of id: ExpertID) {
    guard announced.first != id else { return }
    mark(id)
    announced.removeAll { $0 == id }
    announced.insert(id, at: 0)
  }

  /// Says that an expert has been used.
  mutating func finishUse(of id: ExpertID) {
    self[id].isAnnounced = false
    announced.removeAll { $0 == id }
  }

  /// What to do next; nil when there is nothing, or no room until an expert has been used.
  mutating func next() -> Load? {
    if let id = announced.first(where: { self[$0].state == .absent }) {
      return room(for: id, isDemanded: true).map { start(id, evicting: $0) }
    }
    guesses = guesses.filter { self[$0].state == .absent }
    guard let id = guesses.first, let evicted = room(for: id, isDemanded: false) else { return nil }
    guesses.removeFirst()
    self[id].isGuess = true
    return start(id, evicting: evicted)
  }

  /// Says that what ``next()`` asked for is in memory.
  mutating func finishLoad(of id: ExpertID) {
    self[id].state = .resident
    residents.append(id)
    counts.loadedByteCount += self[id].byteCount
    if self[id].isGuess { counts.prefetched += 1 }
    settleGuess(id)
  }

  /// Says that what ``next()`` asked for could not be read. It is asked for again when it is announced again.
  /// - Returns: whether the expert is waited for.
  mutating func failLoad(of id: ExpertID) -> Bool {
    byteCount -= self[id].byteCount
    self[id].state = self[id].isAnnounced ? .failed : .absent
    self[id].isGuess = false
    return self[id].isAnnounced
  }

  private mutating func mark(_ id: ExpertID) {
    self[id].isAnnounced = true
    if self[id].state == .failed { self[id].state = .absent }
    settleGuess(id)
  }

  /// Counts a guess that is in memory and was right.
  private mutating func settleGuess(_ id: ExpertID) {
    guard self[id].isGuess, self[id].isAnnounced, self[id].state == .resident else { return }
    self[id].isGuess = false
    counts.prefetchedUsed += 1
  }

  private mutating func predict(after mixture: Int, choiceCount: Int) {
    let next = history.successor(of: mixture)
    current = mixture
    discounts = history.distances(from: mixture).map { distance in
      (1..<max(1, distance)).reduce(1) { value, _ in value * Self.discount }
    }
    likelihoods = history.likelihoodsOfNext()
    let order = likelihoods.indices.filter { likelihoods[$0] > 0 }.sorted {
      (-likelihoods[$0], $0) < (-likelihoods[$1], $1)
    }
    let likely = order.prefix(max(activeCounts[next], choiceCount)).map { ExpertID(mixture: next, expert: $0) }
    guesses = likely.filter { self[$0].state == .absent }
  }

  private mutating func start(_ id: ExpertID, evicting evicted: [ExpertID]) -> Load {
    for other in evicted {
      self[other].state = .absent
      self[other].isGuess = false
      byteCount -= self[other].byteCount
      if self[other].isAnnounced, self[other].isHit {
        self[other].isHit = false
        counts.hits -= 1
        counts.misses += 1
      }
    }
    residents = residents.filter { self[$0].state == .resident }
    self[id].state = .loading
    byteCount += self[id].byteCount
    counts.peakByteCount = max(counts.peakByteCount, byteCount)
    return Load(expert: id, evicted: evicted)
  }

  /// The experts to let go of so that `id` fits; nil where it does not, or is not worth it.
  private func room(for id: ExpertID, isDemanded: Bool) -> [ExpertID]? {
    var missing = self[id].byteCount - (limit - byteCount)
    guard missing > 0 else { return [] }
    var evicted: [ExpertID] = []
    func take(_ other: ExpertID) {
      evicted.append(other)
      missing -= self[other].byteCount
    }
    let ceiling = isDemanded ? .infinity : value(of: id)
    let candidates = residents.filter { !self[$0].isAnnounced }.map { (value: value(of: $0), id: $0) }
    for other in candidates.sorted(by: { $0.value < $1.value }) where missing > 0 && other.value < ceiling {
      take(other.id)
    }
    if id == announced.first {
      for other in announced.reversed() where missing > 0 && self[other].state == .resident { take(other) }
    }
    return missing > 0 ? nil : evicted
  }

  /// What it is worth to have an expert in memory that is not announced: how likely it is to be used when its mixture
  /// runs next, less for each mixture that runs before.
  private func value(of id: ExpertID) -> Double {
    let isNext = history.successor(of: current) == id.mixture && !likelihoods.isEmpty
    let likelihood = isNext ? likelihoods[id.expert] : history.frequency(id.expert, of: id.mixture)
    return likelihood * discounts[id.mixture]
  }

  private subscript(id: ExpertID) -> Entry {
    get { entries[id.mixture][id.expert] }
    set { entries[id.mixture][id.expert] = newValue }
  }
}

/// What a residency has done so far.
struct ExpertCounts: Sendable {
  /// Announced experts that were in memory and stayed until they were used, and that did not.
  var hits = 0
  var misses = 0
  /// Experts that were loaded on a guess, and those of them that were asked for before they had to go.
  var prefetched = 0
  var prefetchedUsed = 0
  var loadedByteCount = 0
  var peakByteCount = 0
}
