/// Gives the merge of two neighbouring symbols.
protocol PairRule {
  /// The piece that `left` and `right` make and the rank of making it, the lowest first; nil when they make none.
  func merge(_ left: Symbol, _ right: Symbol, in text: [UInt8]) -> PairMerge?
}

struct PairMerge {
  let rank: UInt32
  let id: Int32
}

/// A stretch of text between two others, and what merging it with the next would give.
struct Symbol {
  /// The piece it is, -1 for none.
  var id: Int32
  var start: Int
  var end: Int
  /// Neighbours in the list, -1 at its ends.
  var previous: Int32 = -1
  var next: Int32 = -1
  var pairRank: UInt32 = Symbol.noRank
  var pairID: Int32 = -1

  static let noRank = UInt32.max
}

/// The symbols of one word, merged pair by pair: lowest rank first, then leftmost.
///
/// A heap holds `rank << 32 | position` of every pair there has been. An entry counts only if the pair now at that
/// position has that rank, so pairs that a merge destroyed fall out when they come up. Merging *n* symbols takes
/// O(n log n).
struct SymbolList {
  private var symbols: [Symbol] = []
  private var heap: [UInt64] = []

  mutating func removeAll() {
    symbols.removeAll(keepingCapacity: true)
    heap.removeAll(keepingCapacity: true)
  }

  /// Adds a symbol after the last.
  mutating func append(id: Int32, _ range: Range<Int>) {
    let position = Int32(symbols.count)
    if position > 0 { symbols[symbols.count - 1].next = position }
    symbols.append(Symbol(id: id, start: range.lowerBound, end: range.upperBound, previous: position - 1))
  }

  mutating func merge(by rule: some PairRule, in text: [UInt8]) {
    for position in symbols.indices.dropLast() { offer(Int32(position), rule, text) }
    while let entry = popLowest() {
      let position = Int(entry & 0xFFFF_FFFF)
      let rank = UInt32(entry >> 32)
      guard symbols[position].pairRank == rank else { continue }
      let absorbed = symbols[Int(symbols[position].next)]
      symbols[Int(symbols[position].next)].pairRank = Symbol.noRank
      symbols[position].id = symbols[position].pairID
      symbols[position].end = absorbed.end
      symbols[position].next = absorbed.next
      if absorbed.next >= 0 { symbols[Int(absorbed.next)].previous = Int32(position) }
      offer(Int32(position), rule, text)
      if symbols[position].previous >= 0 { offer(symbols[position].previous, rule, text) }
    }
  }

  /// The symbols that are left, in order.
  func forEach(_ body: (Symbol) -> Void) {
    var position = symbols.isEmpty ? -1 : 0
    while position >= 0 {
      body(symbols[position])
      position = Int(symbols[position].next)
    }
  }

  /// Looks up the pair that begins at `position` and queues it.
  private mutating func offer(_ position: Int32, _ rule: some PairRule, _ text: [UInt8]) {
    let left = symbols[Int(position)]
    guard left.next >= 0, let merge = rule.merge(left, symbols[Int(left.next)], in: text) else {
      symbols[Int(position)].pairRank = Symbol.noRank
      return
    }
    symbols[Int(position)].pairRank = merge.rank
    symbols[Int(position)].pairID = merge.id
    push(UInt64(merge.rank) << 32 | UInt64(UInt32(position)))
  }

  private mutating func push(_ entry: UInt64) {
    var hole = heap.count
    heap.append(entry)
    while hole > 0, case let parent = (hole - 1) / 2, heap[parent] > entry {
      heap[hole] = heap[parent]
      hole = parent
    }
    heap[hole] = entry
  }

  private mutating func popLowest() -> UInt64? {
    guard let lowest = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return lowest }
    var hole = 0
    while 2 * hole + 1 < heap.count {
      var child = 2 * hole + 1
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      guard heap[child] < last else { break }
      heap[hole] = heap[child]
      hole = child
    }
    heap[hole] = last
    return lowest
  }
}
