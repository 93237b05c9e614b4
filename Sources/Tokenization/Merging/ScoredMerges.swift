/// Merges by the score of the piece they make, the highest first, as SentencePiece's BPE models do.
///
/// A merge is found by the bytes of both symbols together, so it does not matter whether each of them is a piece.
struct ScoredMerges: Sendable, PairRule {
  private let index: PieceIndex
  /// By id: how many distinct scores are higher.
  private let ranks: [UInt32]

  init(_ pieces: PieceTable, index: PieceIndex) {
    self.index = index
    var ranks = [UInt32](repeating: 0, count: pieces.count)
    let order = (0..<pieces.count).sorted { pieces.score(of: $0) > pieces.score(of: $1) }
    for (higher, id) in zip(order, order.dropFirst()) {
      ranks[id] = ranks[higher] + (pieces.score(of: id) < pieces.score(of: higher) ? 1 : 0)
    }
    self.ranks = ranks
  }

  func merge(_ left: Symbol, _ right: Symbol, in text: [UInt8]) -> PairMerge? {
    guard let id = index.id(of: text, left.start..<right.end) else { return nil }
    return PairMerge(rank: ranks[id], id: Int32(id))
  }
}
