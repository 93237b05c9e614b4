/// What decoding has to know of the text so far.
struct DecodingState {
  /// Whether any text has come out.
  var hasText = false
  /// Whether a space at the beginning has been removed already.
  var hasRemovedSpace = false
}

/// The bytes each piece leaves in decoded text.
struct PieceSurfaces: Sendable {
  private let pieces: PieceTable
  /// Nil for byte-level models, whose pieces are their own surfaces.
  private let rules: SentencePieceRules?
  private let addedTokens: [Int: AddedToken]
  /// What tokens that are searched for in normalised text look like there.
  private let normalizedContents: [Int: [UInt8]]

  init(_ tables: TokenizerTables, normalizedContents: [Int: [UInt8]]) {
    pieces = tables.pieces
    self.normalizedContents = normalizedContents
    addedTokens = Dictionary(tables.addedTokens.map { ($0.id, $0) }) { first, _ in first }
    if case .sentencePiece(let rules) = tables.algorithm { self.rules = rules } else { rules = nil }
  }

  /// The bytes `id`, which must be within the vocabulary, adds after what `decoding` has seen.
  func bytes(of id: Int, includingSpecial: Bool, _ decoding: inout DecodingState) -> [UInt8] {
    let surface = surface(of: id, includingSpecial: includingSpecial, &decoding)
    if !surface.isEmpty { decoding.hasText = true }
    return surface
  }

  private func surface(of id: Int, includingSpecial: Bool, _ decoding: inout DecodingState) -> [UInt8] {
    if let token = addedTokens[id] {
      if token.isSpecial, !includingSpecial { return [] }
      guard let rules, let content = normalizedContents[id] else { return Array(token.content.utf8) }
      return withSpaces(content[...], rules, &decoding)
    }
    let kind = pieces.kind(of: id)
    if kind == .control { return includingSpecial ? Array(pieces.bytes(of: id)) : [] }
    guard let rules else { return Array(pieces.bytes(of: id)) }
    switch kind {
    case .unknown: return Array(rules.unknownSurface.utf8)
    case .byte: return pieces.byteValue(of: id).map { [$0] } ?? Array(pieces.bytes(of: id))
    default: return withSpaces(pieces.bytes(of: id), rules, &decoding)
    }
  }

  /// The piece with each `▁` as a space, but for one that was only put before the text.
  private func withSpaces(
    _ piece: ArraySlice<UInt8>, _ rules: SentencePieceRules, _ decoding: inout DecodingState
  ) -> [UInt8] {
    let space = SentencePieceNormalizer.escapedSpace
    var result: [UInt8] = []
    var position = piece.startIndex
    if !decoding.hasText, rules.leadingSpace != .kept, !decoding.hasRemovedSpace, piece.starts(with: space) {
      position += space.count
      decoding.hasRemovedSpace = rules.leadingSpace == .oneRemoved
    }
    while position < piece.endIndex {
      if piece[position] == space[0], piece[position...].starts(with: space) {
        result.append(UInt8(ascii: " "))
        position += space.count
      } else {
        result.append(piece[position])
        position += 1
      }
    }
    return result
  }
}
