import Tokenization

/// The ids that begin and end a sequence.
struct SequenceMarks {
  /// Of a model with a source and a target, what the target begins with.
  let beginning: Int?
  let ends: [Int]
  /// Ids that were stated and cannot occur.
  let notes: [String]

  /// A tokenizer's tables have weighed the configurations already. Without one `generation_config.json` is asked before
  /// `config.json`, and an id outside the vocabulary is left out, because it cannot occur.
  /// - Parameter hasTarget: whether the model reads a source and a target. Where nothing says what the target begins
  ///   with, it is the padding token, as in T5.
  init(
    tokenizer: TokenizerTables?, generation: ConfigReader?, config: ConfigReader, vocabularyCount: Int, hasTarget: Bool
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
    if hasTarget {
      var stated = try ids("decoder_start_token_id").first
      for key in ["bos_token_id", "pad_token_id"] where stated == nil { stated = try ids(key).first }
      beginning = stated
    } else if let stated = tokenizer?.beginningID {
      beginning = stated
    } else {
      beginning = try ids("bos_token_id").first
    }
    ends = if let tokenizer { tokenizer.endIDs } else { try ids("eos_token_id") }
    self.notes = notes
  }
}
