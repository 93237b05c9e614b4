import ByteIO
import Diagnostics

/// Token ids as the command line takes them: `1,2,3`, or `@FILE` with ids separated by commas or white space.
public enum TokenIDs {
  /// Largest file of ids that is read.
  static let fileByteCountLimit = 1 << 30

  /// - Parameter option: what they were given with.
  /// - Throws: ``TokenIDsError`` for anything that is not a whole number, errors of the file for `@FILE`.
  public static func parse(_ argument: String, option: String = "--ids") throws -> [Int] {
    guard argument.hasPrefix("@") else { return try ids(in: argument, source: option) }
    let path = String(argument.dropFirst())
    let bytes = try FileSystem.readSmallFile(path, limit: fileByteCountLimit)
    return try ids(in: String(decoding: bytes, as: UTF8.self), source: path)
  }

  private static func ids(in text: String, source: String) throws -> [Int] {
    let fields = text.split { $0 == "," || $0.isWhitespace }
    guard !fields.isEmpty else { throw TokenIDsError.empty(source: source) }
    return try fields.enumerated().map { position, field in
      guard let id = Int(field), id >= 0 else {
        throw TokenIDsError.notAnID(text: String(field.prefix(32)), position: position, source: source)
      }
      return id
    }
  }
}

/// What can be wrong with a list of token ids.
public enum TokenIDsError: Error, Equatable, Diagnosable {
  case empty(source: String)
  case notAnID(text: String, position: Int, source: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .empty(let source):
      Diagnosis(
        code: "ids.empty", what: "there are no token ids", place: source,
        why: "a command needs at least one token to run on",
        fix: "give ids such as 1,2,3, or @FILE with ids separated by commas or white space", status: .usage)
    case .notAnID(let text, let position, let source):
      Diagnosis(
        code: "ids.malformed", what: "'\(text)' is not a token id", place: "\(source), item \(position + 1)",
        why: "token ids are whole numbers from 0", fix: "separate ids by commas or white space", status: .usage)
    }
  }
}
