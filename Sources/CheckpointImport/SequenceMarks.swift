import Tokenization

/// The ids that begin and end a sequence.
struct SequenceMarks {
  let beginning: Int?
  let ends: [Int]
  /// Ids that were stated and cannot occur.
  let notes: [String]

  /// A tokenizer's tables have weighed the configurations already. Without one `generation_config.json` is asked before
  /// `config.json`, and an id outside the vocabulary is left out, because it cannot occur.
  init(
    tokenizer: TokenizerTables?, generation: ConfigReader?, config: ConfigReader, vocabularyCount: Int
  ) throws(ConfigError) {
    var notes: [String] = []
    func ids(_ key: String) throws(ConfigError) -> [Int] {
      var stated = try generation?.integers(key)
      if stated == nil { stated = try config.integers(key) }
      var result: [Int] = []
      for id in stated ?? [] where !result.contains(id) {
        if (0..<vocabularyCount).contains(id) {
          result.append(id)
        } else {
          notes.append("`\(key)` \(id) is left out: the vocabulary has \(vocabularyCount) tokens")
        }
      }
      return result
    }
    if let stated = tokenizer?.beginningID { beginning = stated } else { beginning = try ids("bos_token_id").first }
    ends = if let tokenizer { tokenizer.endIDs } else { try ids("eos_token_id") }
    self.notes = notes
  }
}
