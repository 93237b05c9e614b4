import ForeignFormats
import Tokenization

/// Reads `tokenizer.json`: byte-level BPE, and BPE with spaces written `▁` and byte fallback (Llama 2 and its kin).
enum TokenizerJSON {
  /// - Throws: `TokenizerImportError`; unsupported components are named.
  static func source(_ root: JSONFields, file: String) throws -> TokenizerSource {
    let model = try root.required("model", root.fields("model"))
    let type = try model.string("type") ?? (model.value("merges") == nil ? "of no type" : "BPE")
    guard type == "BPE" else { throw root.unsupported("model", type, supported: "BPE") }
    try refuseModelVariants(model)

    var vocabulary = Vocabulary(file: file)
    for member in try model.required("vocab", model.fields("vocab")).object.members {
      guard let id = member.value.integer else {
        throw model.malformed("the id of token \(member.key.debugDescription) is \(member.value.kind)")
      }
      try vocabulary.add(member.key, id: Int(id))
    }
    // Added tokens count as normalised only where something normalises.
    let hasNormalizer = root.value("normalizer") != nil
    for entry in try root.array("added_tokens") ?? [] {
      let fields = try JSONFields(entry, file: file, place: "an added token")
      try vocabulary.add(
        addedToken(fields, id: fields.required("id", fields.integer("id")), hasNormalizer: hasNormalizer))
    }

    let steps = try components(root, "pre_tokenizer", list: "pretokenizers")
    let isByteLevel = try steps.contains { try $0.string("type") == "ByteLevel" }
    var source =
      try isByteLevel
      ? byteLevelSource(root, model, steps, vocabulary) : spacedSource(root, model, steps, vocabulary)
    source.merges = try merges(model, vocabulary)
    for processor in try components(root, "post_processor", list: "processors") { try apply(processor, to: &source) }
    return source
  }

  /// An added token as `tokenizer.json` and `tokenizer_config.json` write it.
  static func addedToken(_ fields: JSONFields, id: Int, hasNormalizer: Bool) throws -> AddedToken {
    AddedToken(
      id: id, content: try fields.required("content", fields.string("content")),
      isSpecial: try fields.bool("special") ?? false, stripsLeft: try fields.bool("lstrip") ?? false,
      stripsRight: try fields.bool("rstrip") ?? false, isSingleWord: try fields.bool("single_word") ?? false,
      isNormalized: try hasNormalizer && fields.bool("normalized") ?? false)
  }

  /// The component `key`, taken apart when it is a sequence; empty for null.
  static func components(_ root: JSONFields, _ key: String, list: String) throws -> [JSONFields] {
    guard let component = try root.fields(key) else { return [] }
    guard try component.string("type") == "Sequence" else { return [component] }
    return try component.required(list, component.array(list)).map {
      try JSONFields($0, file: root.file, place: "a step of \"\(key)\"")
    }
  }

  private static func refuseModelVariants(_ model: JSONFields) throws {
    if let dropout = model.value("dropout")?.double, dropout != 0 {
      throw model.unsupported("model", "BPE with dropout \(dropout)", supported: "BPE without dropout")
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let affix = try model.string(key), !affix.isEmpty {
        throw model.unsupported("model", "BPE with \(key) \(affix.debugDescription)", supported: "BPE without affixes")
      }
    }
  }

  /// Merges written as `"a b"` or `["a", "b"]`.
  private static func merges(_ model: JSONFields, _ vocabulary: Vocabulary) throws -> [Merge] {
    try model.required("merges", model.array("merges")).enumerated().map { rank, entry in
      let parts: [String]
      if let text = entry.string {
        parts = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
      } else {
        parts = entry.array?.compactMap(\.string) ?? []
      }
      guard parts.count == 2 else { throw model.malformed("merge \(rank) is not a pair of pieces") }
      let ids = try parts.map { part in
        guard let id = vocabulary.id(of: part) else {
          throw model.malformed("merge \(rank) names \(part.debugDescription), which is not in the vocabulary")
        }
        return UInt32(id)
      }
      return Merge(left: ids[0], right: ids[1])
    }
  }

  /// Takes over the tokens that a post-processor puts around a single text.
  private static func apply(_ processor: JSONFields, to source: inout TokenizerSource) throws {
    switch try processor.string("type") {
    case "ByteLevel": return
    case "TemplateProcessing":
      let tokens = try processor.required("special_tokens", processor.fields("special_tokens"))
      var isBeforeText = true
      for entry in try processor.required("single", processor.array("single")) {
        let step = try JSONFields(entry, file: processor.file, place: "a step of \"single\" of \"post_processor\"")
        guard let special = try step.fields("SpecialToken") else {
          isBeforeText = false
          continue
        }
        let name = try special.required("id", special.string("id"))
        let definition = try tokens.required(name, tokens.fields(name))
        for element in try definition.required("ids", definition.array("ids")) {
          guard let id = element.integer, id >= 0, id < source.pieces.count else {
            throw definition.malformed("its ids are not those of tokens")
          }
          if isBeforeText { source.prefixIDs.append(Int(id)) } else { source.suffixIDs.append(Int(id)) }
        }
      }
    case let type:
      throw processor.unsupported("post_processor", type ?? "of no type", supported: "TemplateProcessing, ByteLevel")
    }
  }
}
