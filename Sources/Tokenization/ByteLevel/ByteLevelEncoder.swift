/// Byte-level BPE: text to pre-tokens to merged bytes.
struct ByteLevelEncoder: Sendable {
  private let rules: ByteLevelRules
  private let index: PieceIndex
  private let merges: RankedMerges
  /// The piece of each byte, -1 for those of the bytes no UTF-8 text has that are missing.
  private let byteIDs: [Int32]

  /// - Throws: `TokenizerError` when a byte has no piece or a merge makes none.
  init(_ tables: TokenizerTables, _ rules: ByteLevelRules) throws(TokenizerError) {
    self.rules = rules
    index = try PieceIndex(tables.pieces, kinds: [.normal])
    merges = try RankedMerges(tables.merges, of: tables.pieces, index: index)
    var byteIDs: [Int32] = []
    for byte in UInt8.min...UInt8.max {
      let id = index.id(of: [byte], 0..<1)
      let isInUTF8 = byte < 0xF5 && byte != 0xC0 && byte != 0xC1
      guard id != nil || !isInUTF8 else { throw .missingByte(byte) }
      byteIDs.append(Int32(id ?? -1))
    }
    self.byteIDs = byteIDs
  }

  /// The text after normalisation, nil when normalisation changes nothing.
  func normalized(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    rules.composes ? CanonicalComposition.composed(text) : nil
  }

  /// Appends the ids of a stretch of text that holds no added token. `scratch` must have seen no other text.
  func encode(_ text: [UInt8], _ range: Range<Int>, into ids: inout [Int], _ scratch: inout EncodingScratch) {
    if rules.addsPrefixSpace, !range.isEmpty, text[range.lowerBound] != UInt8(ascii: " ") {
      let prefixed = [UInt8(ascii: " ")] + text[range]
      scratch.cache.removeAll()
      encodeFragments(of: prefixed, 0..<prefixed.count, into: &ids, &scratch)
      scratch.cache.removeAll()
    } else {
      encodeFragments(of: text, range, into: &ids, &scratch)
    }
  }

  private func encodeFragments(
    of text: [UInt8], _ range: Range<Int>, into ids: inout [Int], _ scratch: inout EncodingScratch
  ) {
    var start = range.lowerBound
    while start < range.upperBound {
      let end = endOfFragment(text, from: start, to: range.upperBound)
      let scanner = PreTokenScanner(rules.splitPattern, text, end: end)
      while start < end {
        let next = scanner.endOfPreToken(from: start)
        let word = start..<next
        let place = scratch.cache.place(of: word, in: text)
        if let place, let known = scratch.cache.ids(at: place) {
          for position in known { ids.append(ids[position]) }
        } else {
          let first = ids.count
          encodeWord(text, word, into: &ids, &scratch.symbols)
          if let place { scratch.cache.remember(word, of: text, ids: first..<ids.count, at: place) }
        }
        start = next
      }
    }
  }

  /// The end of the fragment that the cut around numbers leaves at `start`.
  private func endOfFragment(_ text: [UInt8], from start: Int, to end: Int) -> Int {
    guard rules.digitSplit != .none else { return end }
    func isNumber(_ position: Int) -> Bool { ScalarClass(UTF8Decoding.scalar(text, at: position).scalar) == .number }
    let isInNumber = isNumber(start)
    var position = start
    repeat {
      position += UTF8Decoding.byteCount(lead: text[position])
    } while position < end && isNumber(position) == isInNumber && !(isInNumber && rules.digitSplit == .individual)
    return position
  }

  private func encodeWord(
    _ text: [UInt8], _ word: Range<Int>, into ids: inout [Int], _ symbols: inout SymbolList
  ) {
    if rules.ignoresMerges, let id = index.id(of: text, word) {
      ids.append(id)
      return
    }
    symbols.removeAll()
    for position in word { symbols.append(id: byteIDs[Int(text[position])], position..<position + 1) }
    symbols.merge(by: merges, in: text)
    symbols.forEach { ids.append(Int($0.id)) }
  }
}
