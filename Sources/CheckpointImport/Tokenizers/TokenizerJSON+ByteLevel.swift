import ForeignFormats
import Tokenization

extension TokenizerJSON {
  /// The regular expressions that are known, as files spell them.
  private static let patterns: [(text: String, pattern: ByteLevelRules.SplitPattern)] = [
    (#"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#, .gpt2),
    (casedPattern(number: #"\p{N}{1,3}"#), .llama3),
    (casedPattern(number: #"\p{N}"#), .qwen2),
  ]

  private static func casedPattern(number: String) -> String {
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + number
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  static func byteLevelSource(
    _ root: JSONFields, _ model: JSONFields, _ steps: [JSONFields], _ vocabulary: Vocabulary
  ) throws -> TokenizerSource {
    var rules = try rules(steps, root)
    for step in try components(root, "normalizer", list: "normalizers") {
      let type = try step.string("type") ?? "of no type"
      guard type == "NFC" else { throw root.unsupported("normalizer", type, supported: "NFC, none") }
      rules.composes = true
    }
    guard try components(root, "decoder", list: "decoders").map({ try $0.string("type") }) == ["ByteLevel"] else {
      let type = try root.fields("decoder")?.string("type") ?? "none"
      throw root.unsupported("decoder", type, supported: "ByteLevel, with a ByteLevel pre_tokenizer")
    }
    rules.ignoresMerges = try model.bool("ignore_merges") ?? false
    return TokenizerSource(
      file: root.file, vocabulary: vocabulary, algorithm: .byteLevelBPE(rules), pieces: bytePieces(vocabulary))
  }

  /// `[Digits] [Split] ByteLevel`, where at most one of the last two brings a pattern.
  private static func rules(_ steps: [JSONFields], _ root: JSONFields) throws -> ByteLevelRules {
    var rules = ByteLevelRules(splitPattern: .none)
    for (position, step) in steps.enumerated() {
      switch try step.string("type") {
      case "Digits" where position == 0:
        rules.digitSplit = try step.bool("individual_digits") ?? false ? .individual : .contiguous
      case "Split" where rules.splitPattern == .none && position < steps.count - 1:
        rules.splitPattern = try pattern(step, root)
      case "ByteLevel" where position == steps.count - 1:
        if try step.bool("use_regex") ?? true {
          guard rules.splitPattern == .none else {
            throw root.unsupported("pre_tokenizer", "two split patterns", supported: "one")
          }
          rules.splitPattern = .gpt2
        }
        rules.addsPrefixSpace = try step.required("add_prefix_space", step.bool("add_prefix_space"))
        if rules.addsPrefixSpace && steps.count > 1 {
          throw root.unsupported(
            "pre_tokenizer", "add_prefix_space after a split", supported: "add_prefix_space with ByteLevel alone")
        }
      case let type:
        throw root.unsupported(
          "pre_tokenizer", "\(type ?? "no type") as step \(position + 1) of \(steps.count)",
          supported: "ByteLevel, before it a Split, before that Digits")
      }
    }
    return rules
  }

  private static func pattern(_ step: JSONFields, _ root: JSONFields) throws -> ByteLevelRules.SplitPattern {
    let behavior = try step.required("behavior", step.string("behavior"))
    let isInverted = try step.bool("invert") ?? false
    guard behavior == "Isolated" && !isInverted || behavior == "Removed" && isInverted else {
      throw root.unsupported(
        "pre_tokenizer", "Split with behavior \(behavior), invert \(isInverted)", supported: "Isolated, not inverted")
    }
    let expression = try step.required("pattern", step.fields("pattern"))
    let text = try expression.string("Regex") ?? expression.string("String") ?? ""
    guard let known = patterns.first(where: { $0.text == text }) else {
      throw root.unsupported(
        "pre_tokenizer", "the split pattern \(text)", supported: "the split patterns of GPT-2, Llama 3 and Qwen 2")
    }
    return known.pattern
  }

  /// Pieces as raw bytes. Added tokens, texts outside the byte alphabet and ids that no token has never come out of
  /// merging.
  private static func bytePieces(_ vocabulary: Vocabulary) -> PieceTable {
    let alphabet = ByteAlphabet()
    let added = Dictionary(uniqueKeysWithValues: vocabulary.addedTokens.map { ($0.id, $0) })
    var pieces = PieceTable()
    pieces.reserveCapacity(vocabulary.count)
    for (id, text) in vocabulary.texts.enumerated() {
      if let token = added[id] {
        pieces.append(token.content.utf8, kind: token.isSpecial ? .control : .unused)
      } else if let bytes = alphabet.bytes(writtenAs: text ?? "") {
        pieces.append(bytes, kind: bytes.isEmpty ? .unused : .normal)
      } else {
        pieces.append((text ?? "").utf8, kind: .unused)
      }
    }
    return pieces
  }
}
