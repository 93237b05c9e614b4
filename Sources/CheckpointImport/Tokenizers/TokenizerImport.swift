import ForeignFormats
import Tokenization

/// A checkpoint's tokenizer and what belongs to it.
public struct ImportedTokenizer: Sendable, Equatable {
  /// Validated: `Tokenizer(tables)` succeeds.
  public let tables: TokenizerTables
  /// The Jinja source that turns messages into a prompt, as found.
  public let chatTemplate: String?
  /// The files that had a say, in the order they were read.
  public let files: [String]
}

/// Reads the tokenizer of a checkpoint folder.
public enum TokenizerImport {
  /// Reads `tokenizer.json`, or `tokenizer.model` where there is no `tokenizer.json` or only one of an unsupported
  /// kind, and the settings beside it: `tokenizer_config.json`, `generation_config.json`, `added_tokens.json` (for
  /// `tokenizer.model`) and `chat_template.jinja`.
  ///
  /// - Parameters:
  ///   - read: the bytes of a file of the folder, nil when it has no such file.
  ///   - modelEndIDs: the end-of-sequence ids of `config.json`, used where `generation_config.json` gives none.
  /// - Returns: nil when the folder has no tokenizer.
  /// - Throws: `TokenizerImportError`, `JSONError`, `SentencePieceError`, `TokenizerError`, and what `read` throws.
  public static func load(
    modelEndIDs: [Int] = [], read: @escaping (String) throws -> [UInt8]?
  ) throws -> ImportedTokenizer? {
    var folder = TokenizerFolder(read: read)
    var source: TokenizerSource?
    var refusal: TokenizerImportError?
    if let root = try folder.json("tokenizer.json") {
      do {
        source = try TokenizerJSON.source(root, file: "tokenizer.json")
      } catch let error as TokenizerImportError where error.isUnsupported {
        refusal = error
      }
    }
    if source == nil, let bytes = try folder.bytes("tokenizer.model") {
      let model = try SentencePieceModel.parse(bytes.span, source: "tokenizer.model")
      source = try SentencePieceImport.source(model, file: "tokenizer.model", &folder)
    }
    guard let source else {
      if let refusal { throw refusal }
      return nil
    }
    let settings = try TokenizerSettings(&folder)
    let tables = try source.tables(settings, modelEndIDs: modelEndIDs)
    _ = try Tokenizer(tables)
    return ImportedTokenizer(tables: tables, chatTemplate: settings.chatTemplate, files: folder.files)
  }
}

/// The files of a folder, remembered by name as they are read.
struct TokenizerFolder {
  let read: (String) throws -> [UInt8]?
  private(set) var files: [String] = []

  init(read: @escaping (String) throws -> [UInt8]?) { self.read = read }

  mutating func bytes(_ name: String) throws -> [UInt8]? {
    guard let bytes = try read(name) else { return nil }
    if !files.contains(name) { files.append(name) }
    return bytes
  }

  mutating func text(_ name: String) throws -> String? {
    guard let bytes = try bytes(name) else { return nil }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw TokenizerImportError.malformed(file: name, place: "its text", why: "it is not UTF-8")
    }
    return text
  }

  mutating func json(_ name: String) throws -> JSONFields? {
    guard let bytes = try bytes(name) else { return nil }
    return try JSONFields(try JSONValue.parse(bytes.span, source: name), file: name, place: "the document")
  }
}
