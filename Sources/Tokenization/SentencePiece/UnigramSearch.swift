/// The segmentation of highest total score (Kudo 2018, §3.2), found left to right in one sweep (Viterbi).
///
/// Sums are rounded to single precision after every step, as SentencePiece does: near ties depend on it.
struct UnigramSearch: Sendable {
  /// How much worse than the worst piece an unknown character is.
  private static let unknownPenalty: Float = 10

  private let trie: ByteTrie
  /// By id; user-defined pieces have the score of no piece and are told by their kind.
  private let pieces: PieceTable
  private let unknownID: Int
  private let unknownScore: Float
  private let highestScore: Float

  init(_ pieces: PieceTable, unknownID: Int) {
    self.pieces = pieces
    self.unknownID = unknownID
    var trie = ByteTrie()
    var lowest = Float.greatestFiniteMagnitude, highest = Float.leastNormalMagnitude
    for id in 0..<pieces.count {
      let kind = pieces.kind(of: id)
      if kind == .normal || kind == .userDefined, !pieces.bytes(of: id).isEmpty {
        trie.insert(pieces.bytes(of: id), value: id)
      }
      if kind == .normal {
        lowest = min(lowest, pieces.score(of: id))
        highest = max(highest, pieces.score(of: id))
      }
    }
    self.trie = trie
    unknownScore = lowest - Self.unknownPenalty
    highestScore = highest
  }

  private struct Best {
    var id: Int32 = -1
    var start: Int32 = -1
    var score: Float = 0
  }

  /// Calls `emit` with the id and range of each piece of `text`, in order.
  func segment(_ text: [UInt8], emit: (Int, Range<Int>) -> Void) {
    var best = [Best](repeating: Best(), count: text.count + 1)
    func offer(_ id: Int, from start: Int, to end: Int, _ score: Float) {
      guard best[end].start < 0 || score > best[end].score else { return }
      best[end] = Best(id: Int32(id), start: Int32(start), score: score)
    }
    var start = 0
    while start < text.count {
      let base = best[start].score
      let scalarEnd = min(start + UTF8Decoding.byteCount(lead: text[start]), text.count)
      var coversScalar = false
      var node = ByteTrie.root
      var position = start
      while position < text.count, let next = trie.child(of: node, text[position]) {
        node = next
        position += 1
        guard let id = trie.value(at: node) else { continue }
        offer(id, from: start, to: position, base + score(of: id, byteCount: position - start))
        if position == scalarEnd { coversScalar = true }
      }
      if !coversScalar { offer(unknownID, from: start, to: scalarEnd, unknownScore + base) }
      start = scalarEnd
    }
    var path: [(id: Int, range: Range<Int>)] = []
    var end = text.count
    while end > 0 {
      let start = Int(best[end].start)
      path.append((Int(best[end].id), start..<end))
      end = start
    }
    for (id, range) in path.reversed() { emit(id, range) }
  }

  private func score(of id: Int, byteCount: Int) -> Float {
    pieces.kind(of: id) == .userDefined ? Float(byteCount) * highestScore - 0.1 : pieces.score(of: id)
  }
}
