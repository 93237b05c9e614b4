import Diagnostics

/// Why a text is not accepted as JSON. `source` is the name of the file, lines and columns count from 1.
public enum JSONError: Diagnosable, Equatable {
  case malformed(source: String, line: Int, column: Int, reason: String)
  case duplicateKey(source: String, line: Int, column: Int, reason: String)
  case notUTF8(source: String, line: Int, column: Int, reason: String)
  case tooDeep(source: String, limit: Int)
  case tooLong(source: String, byteCount: Int, limit: Int)

  public var diagnosis: Diagnosis {
    switch self {
    case .malformed(let source, let line, let column, let reason):
      Diagnosis(
        code: "json.malformed", what: "\(source) is not valid JSON", place: "\(source), line \(line), column \(column)",
        why: "the parser stopped there: \(reason)", fix: "restore the file from where it came from",
        status: .malformedInput)
    case .duplicateKey(let source, let line, let column, let reason):
      Diagnosis(
        code: "json.duplicate-key", what: "an object in \(source) names the same key twice",
        place: "\(source), line \(line), column \(column)",
        why: "\(reason); readers disagree about which value counts", fix: "remove one of the two members",
        status: .malformedInput)
    case .notUTF8(let source, let line, let column, let reason):
      Diagnosis(
        code: "json.not-utf8", what: "\(source) is not UTF-8 text", place: "\(source), line \(line), column \(column)",
        why: "JSON is UTF-8, and here is something else: \(reason)", fix: "save the file as UTF-8",
        status: .malformedInput)
    case .tooDeep(let source, let limit):
      Diagnosis(
        code: "json.too-deep", what: "\(source) nests its values too deeply", place: source,
        why: "values may lie inside at most \(limit) others", fix: "restore the file from where it came from",
        status: .limitExceeded)
    case .tooLong(let source, let byteCount, let limit):
      Diagnosis(
        code: "json.too-long", what: "\(source) is too long to be read as JSON", place: source,
        why: "it has \(byteCount) bytes, and the limit is \(limit)", fix: "check that this is the right file",
        status: .limitExceeded)
    }
  }
}
