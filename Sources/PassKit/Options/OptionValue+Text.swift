extension OptionValue {
  /// The value as it is written after `key=` in a step; lists are separated by commas.
  public var text: String {
    switch self {
    case .integer(let value), .byteSize(let value): String(value)
    case .number(let value): Self.decimal(value)
    case .boolean(let value): String(value)
    case .word(let value), .text(let value): value
    case .integers(let values): values.map(String.init).joined(separator: ",")
    case .globs(let globs): globs.map(\.text).joined(separator: ",")
    case .pattern(let pattern): "\(pattern.kept):\(pattern.group)"
    case .candidates(let candidates): candidates.map(\.text).joined(separator: ",")
    case .taskFiles(let files): files.map { "\($0.task)=\($0.path)" }.joined(separator: ",")
    }
  }

  /// The value as a YAML flow node.
  var yaml: String {
    switch self {
    case .integer, .byteSize, .number, .boolean, .word: text
    case .integers(let values): "[" + values.map(String.init).joined(separator: ", ") + "]"
    case .globs(let globs): "[" + globs.map { Self.quoted($0.text) }.joined(separator: ", ") + "]"
    case .candidates(let candidates): "[" + candidates.map { Self.quoted($0.text) }.joined(separator: ", ") + "]"
    case .pattern, .text: Self.quoted(text)
    case .taskFiles(let files):
      "{ " + files.map { "\(Self.quoted($0.task)): \(Self.quoted($0.path))" }.joined(separator: ", ") + " }"
    }
  }

  /// The shortest decimal that reads back as `value`; whole numbers without a fraction.
  static func decimal(_ value: Double) -> String {
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// A YAML double-quoted scalar.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22, 0x5C: result += "\\\(scalar)"
      case 0x20...0x7E, 0xA1...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x1_0000...0x10_FFFF:
        result.unicodeScalars.append(scalar)
      default:
        let digits = String(scalar.value, radix: 16, uppercase: true)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }
    }
    return result + "\""
  }
}
