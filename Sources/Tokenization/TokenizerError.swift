import Diagnostics

/// Why tokenizer tables are refused, or an id cannot be decoded.
public enum TokenizerError: Diagnosable, Equatable {
  case notTables(found: UInt32)
  case unsupportedVersion(found: UInt16, supported: UInt16)
  case truncated(at: Int, needed: Int, available: Int)
  case trailingBytes(at: Int, count: Int)
  case badCode(field: String, at: Int, found: UInt8)
  case notUTF8(field: String)
  case countTooLarge(field: String, count: Int, limit: Int)
  case noPieces
  case idOutOfRange(field: String, id: Int, vocabularyCount: Int)
  case scoreNotFinite(id: Int)
  case duplicatePiece(id: Int, other: Int)
  case mergeWithoutPiece(rank: Int)
  case missingByte(UInt8)
  case badBytePiece(id: Int)
  case badCharacterMap(reason: String)
  case emptyAddedToken(id: Int)
  case unknownToken(id: Int, vocabularyCount: Int)

  public var diagnosis: Diagnosis {
    switch self {
    case .notTables(let found):
      malformed(
        "not-tables", "these bytes are not tokenizer tables", "offset 0",
        "they begin with 0x\(String(found, radix: 16))")
    case .unsupportedVersion(let found, let supported):
      Diagnosis(
        code: "tokenizer.version", what: "the tokenizer tables are of a newer version", place: "tokenizer tables",
        why: "their version is \(found), and this program reads \(supported)", fix: "use a newer Swage",
        status: .unsupported)
    case .truncated(let at, let needed, let available):
      malformed(
        "truncated", "the tokenizer tables are cut short", "offset \(at)",
        "\(needed) bytes are needed there, and \(available) are left")
    case .trailingBytes(let at, let count):
      malformed(
        "trailing-bytes", "bytes follow the tokenizer tables", "offset \(at)", "\(count) bytes belong to nothing")
    case .badCode(let field, let at, let found):
      malformed(
        "bad-code", "the tokenizer tables hold an undefined value", "\(field), offset \(at)",
        "\(found) means nothing there")
    case .notUTF8(let field):
      malformed(
        "not-utf8", "the tokenizer holds text that is not UTF-8", field, "only byte-level pieces may be arbitrary bytes"
      )
    case .countTooLarge(let field, let count, let limit):
      Diagnosis(
        code: "tokenizer.too-large", what: "the tokenizer is larger than any that makes sense", place: field,
        why: "\(count) is more than the limit of \(limit)", fix: "check the file it came from", status: .limitExceeded)
    case .noPieces:
      malformed("no-pieces", "the tokenizer has no vocabulary", "vocabulary", "at least one piece is needed")
    case .idOutOfRange(let field, let id, let vocabularyCount):
      malformed(
        "id-out-of-range", "the tokenizer refers to token \(id), which it does not have", field,
        "its vocabulary has \(vocabularyCount) tokens")
    case .scoreNotFinite(let id):
      malformed(
        "score-not-finite", "a piece has a score that is not a number", "piece \(id)", "scores are compared and added")
    case .duplicatePiece(let id, let other):
      malformed(
        "duplicate-piece", "two pieces are the same", "pieces \(other) and \(id)", "text would have two encodings")
    case .mergeWithoutPiece(let rank):
      malformed(
        "merge-without-piece", "a merge makes a piece that is not in the vocabulary", "merge \(rank)",
        "its result would have no id")
    case .missingByte(let byte):
      malformed(
        "missing-byte", "the vocabulary lacks the piece for a byte", "byte 0x\(String(byte, radix: 16))",
        "some text could not be encoded")
    case .badBytePiece(let id):
      malformed(
        "byte-piece", "a byte piece is not written <0xNN>, or is there twice", "piece \(id)", "its byte cannot be told")
    case .badCharacterMap(let reason):
      malformed("character-map", "the compiled normalisation rule is damaged", "character map", reason)
    case .emptyAddedToken(let id):
      malformed("empty-added-token", "an added token has no content", "token \(id)", "it would be found everywhere")
    case .unknownToken(let id, let vocabularyCount):
      Diagnosis(
        code: "tokenizer.unknown-token", what: "token \(id) does not exist", place: "token id \(id)",
        why: "the vocabulary has \(vocabularyCount) tokens, numbered from 0", fix: "give ids of this model's tokenizer",
        status: .malformedInput)
    }
  }

  private func malformed(_ code: String, _ what: String, _ place: String, _ why: String) -> Diagnosis {
    Diagnosis(
      code: "tokenizer.\(code)", what: what, place: place, why: why,
      fix: "fetch the tokenizer's file again; if it is in a pack, compile the pack again", status: .malformedInput)
  }
}
