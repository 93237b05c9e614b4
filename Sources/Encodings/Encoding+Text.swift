import Diagnostics
import TensorCore

/// Why a text names no encoding.
public enum EncodingError: Diagnosable, Equatable {
  case malformed(String)

  public var diagnosis: Diagnosis {
    switch self {
    case .malformed(let text):
      Diagnosis(
        code: "encoding.malformed", what: "this is not the name of an encoding", place: "'\(text.prefix(100))'",
        why: "an encoding is written like dense(bf16) or grouped(bits=4 group=64 asymmetric scale=f16)",
        fix: "compile the model again", status: .malformedInput)
    }
  }
}

extension Encoding {
  /// The encoding as text, `dense(bf16)` or `grouped(bits=4 group=64 asymmetric scale=f16)` (docs/format.md §4).
  public var text: String {
    switch self {
    case .dense(let type): "dense(\(type.rawValue))"
    case .grouped(let grouped):
      "grouped(bits=\(grouped.bits) group=\(grouped.groupElementCount) "
        + "\(grouped.isSymmetric ? "symmetric" : "asymmetric") scale=\(grouped.scaleType.rawValue))"
    }
  }

  /// Parses exactly what `text` prints.
  /// - Throws: `EncodingError.malformed`.
  public init(parsing text: String) throws(EncodingError) {
    guard text.utf8.count <= 200, let parsed = Self.parse(text), parsed.text == text else { throw .malformed(text) }
    self = parsed
  }

  private static func parse(_ text: String) -> Encoding? {
    guard text.hasSuffix(")"), let open = text.firstIndex(of: "(") else { return nil }
    let arguments = text[text.index(after: open)...].dropLast().split(separator: " ")
    switch text[..<open] {
    case "dense":
      return arguments.first.flatMap { ElementType(rawValue: String($0)) }.map(Encoding.dense)
    case "grouped":
      guard arguments.count == 4, let bits = number(arguments[0], after: "bits="), (2...8).contains(bits),
        let group = number(arguments[1], after: "group="), (1...GroupedEncoding.largestGroup).contains(group),
        arguments[3].hasPrefix("scale="), let scale = ElementType(rawValue: String(arguments[3].dropFirst(6)))
      else { return nil }
      return .grouped(
        GroupedEncoding(
          bits: bits, groupElementCount: group, isSymmetric: arguments[2] == "symmetric", scaleType: scale))
    default: return nil
    }
  }

  private static func number(_ argument: Substring, after key: String) -> Int? {
    argument.hasPrefix(key) ? Int(argument.dropFirst(key.count)) : nil
  }
}
