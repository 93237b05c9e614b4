import ByteIO
import Diagnostics
import ForeignFormats
import ModelIR
import Tokenization

/// A file to calibrate with, as the ids of one long text.
public struct CalibrationText: Sendable {
  public let path: String
  public let ids: [Int]
  /// Put before every sequence; nil for a model that does not, and for files of ids.
  public let beginningOfSequence: Int?

  /// How a file is read.
  private enum Form {
    case text
    case jsonLines(field: String)
    case ids
  }

  private static let byteCountLimit = 1 << 30
  private static let defaultField = "text"

  /// Reads and tokenizes a file with the model's own tokenizer.
  ///
  /// With a field, or under a name that ends in `.jsonl`, it is read as one JSON object a line, whose texts are
  /// tokenized one by one and joined by the token that ends a sequence, where the model has one. Under a name that ends
  /// in `.ids` it is read as token ids separated by commas or white space; so it is behind an `@`. Anything else is
  /// plain text.
  /// - Parameter field: the field that holds the text; `text` where a JSON file is given without one.
  /// - Throws: `CalibrationError`, `ByteIOError`, `TokenizerError`.
  public init(path: String, field: String? = nil, for model: Model) throws {
    let (form, file) = Self.form(of: path, field: field)
    self.path = file
    let bytes = try FileSystem.readSmallFile(file, limit: Self.byteCountLimit)
    switch form {
    case .ids:
      beginningOfSequence = nil
      ids = try Self.ids(in: bytes, path: file)
    case .text, .jsonLines:
      guard let tables = model.companions.tokenizer else { throw CalibrationError.noTokenizer(path: file) }
      let tokenizer = try Tokenizer(tables)
      beginningOfSequence = tables.addsBeginningOfSequence ? tables.beginningID : nil
      let texts = try Self.texts(in: bytes, form, path: file)
      let parts = texts.lazy.filter { !$0.isEmpty }.map { tokenizer.encode($0) }
      let separator = (tables.endIDs + model.companions.endOfSequenceIDs).prefix(1)
      ids = Array(parts.joined(separator: separator))
    }
    try requireVariety(vocabularyCount: model.graph.vocabularyCount)
  }

  /// Ids that are there already.
  /// - Throws: `CalibrationError` for ids outside the vocabulary, and too few different ones.
  public init(
    ids: [Int], name: String, beginningOfSequence: Int? = nil, vocabularyCount: Int
  ) throws(CalibrationError) {
    self.ids = ids
    path = name
    self.beginningOfSequence = beginningOfSequence
    try requireVariety(vocabularyCount: vocabularyCount)
  }

  private static func form(of path: String, field: String?) -> (Form, path: String) {
    if path.hasPrefix("@") { return (.ids, String(path.dropFirst())) }
    if let field { return (.jsonLines(field: field), path) }
    if path.hasSuffix(".jsonl") { return (.jsonLines(field: defaultField), path) }
    return (path.hasSuffix(".ids") ? .ids : .text, path)
  }

  private static func texts(in bytes: [UInt8], _ form: Form, path: String) throws(CalibrationError) -> [String] {
    guard case .jsonLines(let field) = form else {
      guard let text = String(validating: bytes, as: UTF8.self) else { throw .notUTF8(path: path) }
      return [text]
    }
    var texts: [String] = []
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() where line.contains(where: { $0 > UInt8(ascii: " ") }) {
      texts.append(try text(of: Array(line), field: field, path: path, line: index + 1))
    }
    return texts
  }

  private static func text(
    of bytes: [UInt8], field: String, path: String, line: Int
  ) throws(CalibrationError) -> String {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(bytes.span, source: path)
    } catch .notUTF8 {
      throw .notUTF8(path: path)
    } catch {
      throw .lineMalformed(path: path, line: line, reason: error.diagnosis.why)
    }
    guard let object = value.object else {
      throw .lineMalformed(path: path, line: line, reason: "it is \(value.kind)")
    }
    guard let member = object[field] else {
      let known = Array(object.keys)
      throw .fieldMissing(
        path: path, line: line, field: field, nearest: Suggestion.nearest(to: field, in: known),
        known: Array(known.prefix(8)))
    }
    guard let text = member.string else {
      throw .fieldNotText(path: path, line: line, field: field, kind: member.kind)
    }
    return text
  }

  private static func ids(in bytes: [UInt8], path: String) throws(CalibrationError) -> [Int] {
    let fields = String(decoding: bytes, as: UTF8.self).split { $0 == "," || $0.isWhitespace }
    var ids: [Int] = []
    ids.reserveCapacity(fields.count)
    for field in fields {
      guard let id = Int(field), id >= 0 else {
        throw .notAnID(path: path, text: String(field.prefix(32)), number: ids.count + 1)
      }
      ids.append(id)
    }
    return ids
  }

  /// Fewest different tokens of a text, where the vocabulary has so many, and the largest share of one.
  private static let fewestDistinct = 16
  private static let largestShare = 0.9

  private func requireVariety(vocabularyCount: Int) throws(CalibrationError) {
    guard !ids.isEmpty else { throw .empty(path: path) }
    var counts = [Int](repeating: 0, count: vocabularyCount)
    for (index, id) in ids.enumerated() {
      guard counts.indices.contains(id) else {
        throw .tokenOutOfRange(path: path, id: id, number: index + 1, vocabularyCount: vocabularyCount)
      }
      counts[id] += 1
    }
    let distinct = counts.count { $0 > 0 }
    let share = Double(counts.max() ?? 0) / Double(ids.count)
    guard distinct >= min(Self.fewestDistinct, vocabularyCount / 2), share <= Self.largestShare else {
      throw .monotonous(path: path, distinctCount: distinct, share: share)
    }
  }
}
