/// Words of one text that have been encoded already, and where among the ids their encoding lies.
struct WordCache {
  private struct Entry {
    let hash: UInt64
    let word: Range<Int>
    let ids: Range<Int>
  }

  private static let longestWord = 64
  private static let entryLimit = 1 << 16

  private let hash = ByteHash()
  private var entries: [Entry] = []
  /// Positions in `entries`, or -1; a power of two.
  private var slots = [Int32](repeating: -1, count: 256)

  /// Forgets everything; needed before words of another text are looked up.
  mutating func removeAll() {
    guard !entries.isEmpty else { return }
    entries.removeAll(keepingCapacity: true)
    for slot in slots.indices { slots[slot] = -1 }
  }

  /// Where a word is kept, or would be.
  struct Place {
    fileprivate let hash: UInt64
    fileprivate let slot: Int
  }

  /// Looks a word up; nil when it is too long to be worth keeping.
  func place(of word: Range<Int>, in text: [UInt8]) -> Place? {
    guard word.count <= Self.longestWord else { return nil }
    let hash = hash(text, word)
    return Place(hash: hash, slot: slot(of: hash, word, text))
  }

  /// Where the ids of the word at `place` lie, nil when it is new.
  func ids(at place: Place) -> Range<Int>? {
    let position = slots[place.slot]
    return position < 0 ? nil : entries[Int(position)].ids
  }

  /// Keeps a new word, at the place found for it just before.
  mutating func remember(_ word: Range<Int>, of text: [UInt8], ids: Range<Int>, at place: Place) {
    guard entries.count < Self.entryLimit else { return }
    slots[place.slot] = Int32(entries.count)
    entries.append(Entry(hash: place.hash, word: word, ids: ids))
    if 2 * entries.count > slots.count { grow(text) }
  }

  private func slot(of hash: UInt64, _ word: Range<Int>, _ text: [UInt8]) -> Int {
    var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[slot] >= 0 {
      let entry = entries[Int(slots[slot])]
      if entry.hash == hash, Self.equal(entry.word, word, text) { break }
      slot = (slot + 1) & (slots.count - 1)
    }
    return slot
  }

  private static func equal(_ a: Range<Int>, _ b: Range<Int>, _ text: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    for offset in 0..<a.count where text[a.lowerBound + offset] != text[b.lowerBound + offset] { return false }
    return true
  }

  private mutating func grow(_ text: [UInt8]) {
    slots = [Int32](repeating: -1, count: 2 * slots.count)
    for (position, entry) in entries.enumerated() {
      slots[slot(of: entry.hash, entry.word, text)] = Int32(position)
    }
  }
}
