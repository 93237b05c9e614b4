extension TokenizerTables {
  /// Checks counts, ids, scores, and that text is UTF-8. `Tokenizer.init` checks what its indices show besides.
  /// - Throws: `TokenizerError`.
  public func validate() throws(TokenizerError) {
    guard pieces.count > 0 else { throw .noPieces }
    guard pieces.count <= PieceTable.countLimit else {
      throw .countTooLarge(field: "vocabulary", count: pieces.count, limit: PieceTable.countLimit)
    }
    guard pieces.content.count <= PieceTable.byteCountLimit else {
      throw .countTooLarge(
        field: "vocabulary bytes", count: pieces.content.count, limit: PieceTable.byteCountLimit)
    }
    if let id = pieces.scores.firstIndex(where: { !$0.isFinite }) { throw .scoreNotFinite(id: id) }
    try check(beginningID.map { [$0] } ?? [], "beginning token")
    try check(endIDs, "end tokens")
    try check(prefixIDs, "prefix tokens")
    try check(suffixIDs, "suffix tokens")
    guard merges.count <= Self.mergeCountLimit else {
      throw .countTooLarge(field: "merges", count: merges.count, limit: Self.mergeCountLimit)
    }
    for merge in merges { try check([Int(merge.left), Int(merge.right)], "merges") }
    guard addedTokens.count <= Self.listCountLimit else {
      throw .countTooLarge(field: "added tokens", count: addedTokens.count, limit: Self.listCountLimit)
    }
    for token in addedTokens {
      try check([token.id], "added tokens")
      guard !token.content.isEmpty else { throw .emptyAddedToken(id: token.id) }
    }
    if case .sentencePiece(let rules) = algorithm {
      try check([rules.unknownID], "unknown token")
      for id in 0..<pieces.count where String(validating: pieces.bytes(of: id), as: UTF8.self) == nil {
        throw .notUTF8(field: "piece \(id)")
      }
    }
  }

  private func check(_ ids: [Int], _ field: String) throws(TokenizerError) {
    for id in ids where id < 0 || id >= pieces.count {
      throw .idOutOfRange(field: field, id: id, vocabularyCount: pieces.count)
    }
  }
}
