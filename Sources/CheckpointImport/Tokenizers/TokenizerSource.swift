import Tokenization

/// A tokenizer from its own file, before the settings beside it have had their say.
struct TokenizerSource {
  let file: String
  let vocabulary: Vocabulary
  let algorithm: TokenizerTables.Algorithm
  let pieces: PieceTable
  var merges: [Merge] = []
  /// What the file itself puts around a text.
  var prefixIDs: [Int] = []
  var suffixIDs: [Int] = []
  /// What the file itself takes for the tokens that begin and end a sequence.
  var beginningID: Int?
  var endID: Int?

  /// The tables under `settings`.
  /// - Throws: `TokenizerImportError` when a setting names a token that does not exist.
  func tables(_ settings: TokenizerSettings, modelEndIDs: [Int]) throws -> TokenizerTables {
    let beginning = try id(of: settings.beginningToken, "bos_token") ?? beginningID
    let end = try id(of: settings.endToken, "eos_token") ?? endID
    var ends =
      try settings.generationEndIDs.map { try checked($0, "generation_config.json") }
      ?? checked(modelEndIDs, "config.json")
    if let end { ends.append(end) }
    var seen: Set<Int> = []
    ends = ends.filter { seen.insert($0).inserted }
    return TokenizerTables(
      algorithm: algorithm, pieces: pieces, merges: merges, addedTokens: vocabulary.addedTokens,
      prefixIDs: try Self.adjusted(prefixIDs, beginning, settings.addsBeginning, "add_bos_token", "bos_token"),
      suffixIDs: try Self.adjusted(suffixIDs, end, settings.addsEnd, "add_eos_token", "eos_token"),
      beginningID: beginning, endIDs: ends)
  }

  private func id(of token: String?, _ key: String) throws(TokenizerImportError) -> Int? {
    guard let token, !token.isEmpty else { return nil }
    if let id = vocabulary.id(of: token) { return id }
    throw .malformed(
      file: "tokenizer_config.json", place: "\"\(key)\"",
      why: "it names \(token.debugDescription), which is not in the vocabulary of \(file)")
  }

  private func checked(_ ids: [Int], _ file: String) throws(TokenizerImportError) -> [Int] {
    if let id = ids.first(where: { $0 < 0 || $0 >= pieces.count }) {
      throw .malformed(
        file: file, place: "\"eos_token_id\"", why: "it names token \(id), and the tokenizer has \(pieces.count)")
    }
    return ids
  }

  /// The tokens around a text after an explicit setting: with or without `token`, as it says.
  private static func adjusted(
    _ ids: [Int], _ token: Int?, _ isWanted: Bool?, _ flag: String, _ key: String
  ) throws(TokenizerImportError) -> [Int] {
    guard let isWanted else { return ids }
    guard isWanted else { return ids.filter { $0 != token } }
    guard let token else {
      throw .malformed(
        file: "tokenizer_config.json", place: "\"\(flag)\"", why: "it asks for a token, and \"\(key)\" names none")
    }
    return ids.contains(token) ? ids : ids + [token]
  }
}
