/// Finds the id of a piece by its bytes: open addressing over the ids, with the pieces' own bytes as keys.
struct PieceIndex: Sendable {
  private let pieces: PieceTable
  private let hash = ByteHash()
  /// Ids, or -1; a power of two at least twice as many as there are entries.
  private var slots: [Int32]

  /// Indexes the pieces whose kind is in `kinds`.
  /// - Throws: `TokenizerError.duplicatePiece` when two of them have the same bytes.
  init(_ pieces: PieceTable, kinds: Set<PieceTable.Kind>) throws(TokenizerError) {
    self.pieces = pieces
    var slotCount = 16
    while slotCount < 2 * pieces.count { slotCount *= 2 }
    slots = [Int32](repeating: -1, count: slotCount)
    for id in 0..<pieces.count where kinds.contains(pieces.kind(of: id)) && !pieces.range(of: id).isEmpty {
      let slot = slot(of: pieces.content, pieces.range(of: id))
      guard slots[slot] < 0 else { throw .duplicatePiece(id: id, other: Int(slots[slot])) }
      slots[slot] = Int32(id)
    }
  }

  /// The id of the piece `text[range]`, nil for none.
  func id(of text: [UInt8], _ range: Range<Int>) -> Int? {
    let id = slots[slot(of: text, range)]
    return id < 0 ? nil : Int(id)
  }

  /// The slot that holds the piece, or the free one where it would go.
  private func slot(of text: [UInt8], _ range: Range<Int>) -> Int {
    var slot = Int(truncatingIfNeeded: hash(text, range)) & (slots.count - 1)
    while slots[slot] >= 0 {
      let candidate = pieces.range(of: Int(slots[slot]))
      if candidate.count == range.count, equal(candidate.lowerBound, text, range) { break }
      slot = (slot + 1) & (slots.count - 1)
    }
    return slot
  }

  private func equal(_ start: Int, _ text: [UInt8], _ range: Range<Int>) -> Bool {
    for offset in 0..<range.count where pieces.content[start + offset] != text[range.lowerBound + offset] {
      return false
    }
    return true
  }
}
