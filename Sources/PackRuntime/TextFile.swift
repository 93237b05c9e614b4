import ByteIO
import Diagnostics

/// A file of text for a tokenizer.
public enum TextFile {
  /// Largest file that is read whole.
  private static let byteCountLimit = 1 << 30

  /// The bytes of the file at `path` and the text they are.
  /// - Throws: `ByteIOError` when it cannot be read, `TextFileError` when it is not UTF-8.
  public static func read(_ path: String) throws -> (bytes: [UInt8], text: String) {
    let bytes = try FileSystem.readSmallFile(path, limit: byteCountLimit)
    guard let text = String(validating: bytes, as: UTF8.self) else { throw TextFileError.notUTF8(path: path) }
    return (bytes, text)
  }
}

/// What can be wrong with a text.
public enum TextFileError: Error, Equatable, Diagnosable {
  case notUTF8(path: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .notUTF8(let path):
      Diagnosis(
        code: "text.not-utf8", what: "the text is not UTF-8", place: path, why: "the tokenizer works on Unicode text",
        fix: "convert it, for example with: iconv -f latin1 -t utf-8", status: .malformedInput)
    }
  }
}
