/// SentencePiece models: prepared text to pieces.
struct SentencePieceEncoder: Sendable {
  private enum Search: Sendable {
    case scored(ScoredMerges)
    case ranked(RankedMerges)
    case unigram(UnigramSearch)
  }

  let normalizer: SentencePieceNormalizer
  private let search: Search
  private let index: PieceIndex
  private let userDefined: ByteTrie
  private let unknownID: Int
  /// The piece of each byte; empty without byte fallback.
  private let byteIDs: [Int]
  /// Scalars that stand before a `▁` inside some piece. Nothing merges across any other scalar and a `▁`.
  private let joinedToSpace: Set<Unicode.Scalar>

  /// - Throws: `TokenizerError` when two pieces are the same, a merge makes no piece, a byte piece is missing or the
  ///   character map is damaged.
  init(_ tables: TokenizerTables, _ rules: SentencePieceRules) throws(TokenizerError) {
    let pieces = tables.pieces
    index = try PieceIndex(pieces, kinds: [.normal, .userDefined])
    var userDefined = ByteTrie()
    for id in 0..<pieces.count where pieces.kind(of: id) == .userDefined {
      userDefined.insert(pieces.bytes(of: id), value: id)
    }
    self.userDefined = userDefined
    normalizer = try SentencePieceNormalizer(rules, userDefined: userDefined)
    unknownID = rules.unknownID
    byteIDs = rules.hasByteFallback ? try Self.byteIDs(pieces) : []
    joinedToSpace = Self.scalarsBeforeSpaces(pieces)
    switch rules.search {
    case .mergesByScore: search = .scored(ScoredMerges(pieces, index: index))
    case .mergesByRank: search = .ranked(try RankedMerges(tables.merges, of: pieces, index: index))
    case .unigram: search = .unigram(UnigramSearch(pieces, unknownID: rules.unknownID))
    }
  }

  /// Appends the ids of `text[range]`, which is prepared already. `scratch` must have seen no other text.
  func encode(_ text: [UInt8], _ range: Range<Int>, into ids: inout [Int], _ scratch: inout EncodingScratch) {
    let first = ids.count
    switch search {
    case .scored(let rule): merge(text, range, by: rule, first, into: &ids, &scratch)
    case .ranked(let rule): merge(text, range, by: rule, first, into: &ids, &scratch)
    case .unigram(let search):
      let segment = range == 0..<text.count ? text : Array(text[range])
      search.segment(segment) { id, range in emit(id, of: segment, range, first, into: &ids) }
    }
  }

  private func merge(
    _ text: [UInt8], _ range: Range<Int>, by rule: some PairRule, _ first: Int, into ids: inout [Int],
    _ scratch: inout EncodingScratch
  ) {
    var position = range.lowerBound
    while position < range.upperBound {
      if !userDefined.isEmpty, let match = userDefined.longestMatch(in: text, from: position, to: range.upperBound) {
        ids.append(match.value)
        position = match.end
        continue
      }
      let word = position..<endOfWord(text, from: position, to: range.upperBound)
      position = word.upperBound
      let place = scratch.cache.place(of: word, in: text)
      if let place, let known = scratch.cache.ids(at: place) {
        for position in known { ids.append(ids[position]) }
        continue
      }
      let start = ids.count
      scratch.symbols.removeAll()
      var next = word.lowerBound
      while next < word.upperBound {
        let end = next + UTF8Decoding.byteCount(lead: text[next])
        scratch.symbols.append(id: Int32(index.id(of: text, next..<end) ?? -1), next..<end)
        next = end
      }
      scratch.symbols.merge(by: rule, in: text)
      var isCovered = true
      scratch.symbols.forEach { symbol in
        isCovered = isCovered && symbol.id >= 0
        emit(symbol.id < 0 ? unknownID : Int(symbol.id), of: text, symbol.start..<symbol.end, first, into: &ids)
      }
      // Neighbouring unknowns are one, so what an unknown gives depends on what comes before the word.
      if let place, isCovered || !byteIDs.isEmpty {
        scratch.cache.remember(word, of: text, ids: start..<ids.count, at: place)
      }
    }
  }

  /// The end of a stretch that no merge can cross: before a `▁` that no piece joins to the scalar before it, or before
  /// a user-defined piece.
  private func endOfWord(_ text: [UInt8], from start: Int, to end: Int) -> Int {
    var position = start + UTF8Decoding.byteCount(lead: text[start])
    while position < end {
      if text[position] == 0xE2, position + 2 < end, text[position + 1] == 0x96, text[position + 2] == 0x81,
        joinedToSpace.isEmpty || !joinedToSpace.contains(UTF8Decoding.scalar(text, before: position).scalar)
      {
        break
      }
      if !userDefined.isEmpty, userDefined.longestMatch(in: text, from: position, to: end) != nil { break }
      position += UTF8Decoding.byteCount(lead: text[position])
    }
    return position
  }

  private func emit(_ id: Int, of text: [UInt8], _ range: Range<Int>, _ first: Int, into ids: inout [Int]) {
    if id != unknownID {
      ids.append(id)
    } else if !byteIDs.isEmpty {
      for position in range { ids.append(byteIDs[Int(text[position])]) }
    } else if ids.count == first || ids[ids.count - 1] != unknownID {
      ids.append(unknownID)
    }
  }

  private static func byteIDs(_ pieces: PieceTable) throws(TokenizerError) -> [Int] {
    var ids = [Int](repeating: -1, count: 256)
    for id in 0..<pieces.count where pieces.kind(of: id) == .byte {
      guard let byte = pieces.byteValue(of: id), ids[Int(byte)] < 0 else { throw .badBytePiece(id: id) }
      ids[Int(byte)] = id
    }
    if let missing = ids.firstIndex(of: -1) { throw .missingByte(UInt8(missing)) }
    return ids
  }

  private static func scalarsBeforeSpaces(_ pieces: PieceTable) -> Set<Unicode.Scalar> {
    let space = SentencePieceNormalizer.escapedSpace
    var scalars: Set<Unicode.Scalar> = []
    for id in 0..<pieces.count where pieces.kind(of: id) == .normal {
      let text = Array(pieces.bytes(of: id))
      guard text.count > space.count else { continue }
      for position in 1...text.count - space.count where text[position...].starts(with: space) {
        scalars.insert(UTF8Decoding.scalar(text, before: position).scalar)
      }
    }
    return scalars
  }
}
