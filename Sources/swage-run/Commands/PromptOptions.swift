import ArgumentParser
import ByteIO
import CommandLineKit
import Diagnostics
import PackRuntime

/// Where the tokens of a command come from: ids, or text for the pack's tokenizer.
enum TokenInput {
  /// Largest text file that is read whole.
  static let textByteCountLimit = 1 << 30

  /// The contents of a text file.
  /// - Throws: when it cannot be read or is not UTF-8.
  static func text(ofFile path: String) throws -> String {
    let bytes = try FileSystem.readSmallFile(path, limit: textByteCountLimit)
    guard let text = String(validating: bytes, as: UTF8.self) else { throw TokenInputError.notUTF8(path: path) }
    return text
  }
}

/// What can be wrong with text given to a command.
enum TokenInputError: Error, Equatable, Diagnosable {
  case notUTF8(path: String)

  var diagnosis: Diagnosis {
    switch self {
    case .notUTF8(let path):
      Diagnosis(
        code: "text.not-utf8", what: "the text is not UTF-8", place: path, why: "the tokenizer works on Unicode text",
        fix: "convert it, for example with: iconv -f latin1 -t utf-8", status: .malformedInput)
    }
  }
}
