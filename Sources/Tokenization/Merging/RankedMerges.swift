/// Merges by rank, found by the ids of their two pieces.
struct RankedMerges: Sendable, PairRule {
  private let hash = ByteHash()
  /// `left << 32 | right`, or `UInt64.max` for a free slot; a power of two.
  private var keys: [UInt64]
  /// `rank << 32 | result`.
  private var values: [UInt64]

  /// A pair listed twice has its later rank.
  /// - Parameter index: finds the pieces that merges make.
  /// - Throws: `TokenizerError.mergeWithoutPiece`.
  init(_ merges: [Merge], of pieces: PieceTable, index: PieceIndex) throws(TokenizerError) {
    var slotCount = 16
    while slotCount < 2 * merges.count { slotCount *= 2 }
    keys = [UInt64](repeating: .max, count: slotCount)
    values = [UInt64](repeating: 0, count: slotCount)
    var joined: [UInt8] = []
    for (rank, merge) in merges.enumerated() {
      joined.removeAll(keepingCapacity: true)
      joined += pieces.bytes(of: Int(merge.left))
      joined += pieces.bytes(of: Int(merge.right))
      guard let result = index.id(of: joined, 0..<joined.count) else { throw .mergeWithoutPiece(rank: rank) }
      let key = UInt64(merge.left) << 32 | UInt64(merge.right)
      let slot = slot(of: key)
      keys[slot] = key
      values[slot] = UInt64(rank) << 32 | UInt64(result)
    }
  }

  func merge(_ left: Symbol, _ right: Symbol, in text: [UInt8]) -> PairMerge? {
    guard left.id >= 0, right.id >= 0 else { return nil }
    let slot = slot(of: UInt64(left.id) << 32 | UInt64(right.id))
    guard keys[slot] != .max else { return nil }
    return PairMerge(rank: UInt32(values[slot] >> 32), id: Int32(truncatingIfNeeded: values[slot]))
  }

  private func slot(of key: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: hash(key)) & (keys.count - 1)
    while keys[slot] != key && keys[slot] != .max { slot = (slot + 1) & (keys.count - 1) }
    return slot
  }
}
