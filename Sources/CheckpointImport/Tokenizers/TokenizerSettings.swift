import ForeignFormats
import Tokenization

/// What the files beside a tokenizer say about its use.
struct TokenizerSettings {
  var beginningToken: String?
  var endToken: String?
  /// Whether sequences begin and end with these tokens; nil where the tokenizer's own file decides.
  var addsBeginning: Bool?
  var addsEnd: Bool?
  /// The end-of-sequence ids of `generation_config.json`.
  var generationEndIDs: [Int]?
  var chatTemplate: String?

  init(_ folder: inout TokenizerFolder) throws {
    if let config = try folder.json("tokenizer_config.json") {
      beginningToken = try Self.token("bos_token", config)
      endToken = try Self.token("eos_token", config)
      addsBeginning = try config.bool("add_bos_token")
      addsEnd = try config.bool("add_eos_token")
      chatTemplate = try Self.chatTemplate(config)
    }
    if let generation = try folder.json("generation_config.json") {
      generationEndIDs = try Self.endIDs(generation)
    }
    if let template = try folder.text("chat_template.jinja") { chatTemplate = template }
  }

  /// A token given as a string or as an object with `content`.
  private static func token(_ key: String, _ config: JSONFields) throws -> String? {
    guard let value = config.value(key) else { return nil }
    if let text = value.string { return text }
    let fields = try JSONFields(value, file: config.file, place: "\"\(key)\"")
    return try fields.required("content", fields.string("content"))
  }

  /// A template given as a string, or as a list of named ones of which `default` counts, or else the first.
  private static func chatTemplate(_ config: JSONFields) throws -> String? {
    guard let value = config.value("chat_template") else { return nil }
    if let text = value.string { return text }
    let entries = try config.required("chat_template", config.array("chat_template")).map {
      try JSONFields($0, file: config.file, place: "an entry of \"chat_template\"")
    }
    guard let entry = try entries.first(where: { try $0.string("name") == "default" }) ?? entries.first else {
      return nil
    }
    return try entry.required("template", entry.string("template"))
  }

  /// One id or a list of them.
  private static func endIDs(_ config: JSONFields) throws -> [Int]? {
    guard let value = config.value("eos_token_id") else { return nil }
    return try (value.array ?? [value]).map { element in
      guard let id = element.integer else {
        throw config.malformed("\"eos_token_id\" holds \(element.kind), not an integer")
      }
      return Int(id)
    }
  }
}
