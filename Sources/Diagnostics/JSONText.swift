/// A JSON value to be printed: members keep the order they are given in, so equal values print as equal bytes.
public indirect enum JSONText: Sendable {
  case object([(String, JSONText)])
  case array([JSONText])
  case string(String)
  case integer(Int64)
  /// The shortest digits that read back as the same number; NaN and infinity, which JSON lacks, print as null.
  case number(Double)
  case boolean(Bool)
  case null

  /// Indented by two spaces; arrays and objects without arrays or objects inside stay on one line.
  public var text: String {
    var output = ""
    write(to: &output, indent: "")
    return output
  }

  /// On one line, without optional spaces.
  public var compactText: String {
    var output = ""
    write(to: &output, indent: nil)
    return output
  }

  private func write(to output: inout String, indent: String?) {
    switch self {
    case .object(let members):
      Self.writeItems(members, brackets: ("{", "}"), isFlat: members.allSatisfy(\.1.isScalar), to: &output, indent) {
        Self.writeQuoted($0.0, to: &$1)
        $1 += indent == nil ? ":" : ": "
        $0.1.write(to: &$1, indent: $2)
      }
    case .array(let items):
      Self.writeItems(items, brackets: ("[", "]"), isFlat: items.allSatisfy(\.isScalar), to: &output, indent) {
        $0.write(to: &$1, indent: $2)
      }
    case .string(let string): Self.writeQuoted(string, to: &output)
    case .integer(let integer): output += String(integer)
    case .number(let number): output += number.isFinite ? number.description : "null"
    case .boolean(let boolean): output += boolean ? "true" : "false"
    case .null: output += "null"
    }
  }

  private var isScalar: Bool {
    switch self {
    case .object(let members): members.isEmpty
    case .array(let items): items.isEmpty
    default: true
    }
  }

  private static func writeItems<Item>(
    _ items: [Item], brackets: (String, String), isFlat: Bool, to output: inout String, _ indent: String?,
    _ writeItem: (Item, inout String, String?) -> Void
  ) {
    let inner = indent.map { isFlat ? $0 : $0 + "  " }
    let lineBreak = indent == nil || isFlat ? "" : "\n"
    output += brackets.0 + lineBreak
    for (index, item) in items.enumerated() {
      if !isFlat { output += inner ?? "" }
      writeItem(item, &output, inner)
      if index + 1 < items.count { output += indent != nil && isFlat ? ", " : "," }
      output += lineBreak
    }
    if !isFlat { output += indent ?? "" }
    output += brackets.1
  }

  /// Escapes what RFC 8259 §7 demands and nothing else; other characters stand as UTF-8.
  private static func writeQuoted(_ string: String, to output: inout String) {
    output += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case "\n": output += "\\n"
      case "\r": output += "\\r"
      case "\t": output += "\\t"
      case "\u{0}"..<" ":
        let digits = String(scalar.value, radix: 16)
        output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: output.unicodeScalars.append(scalar)
      }
    }
    output += "\""
  }
}

/// The one document that a command prints with `--json`.
public enum JSONDocument {
  /// Name and version of the documents' shape.
  public static let schema = "swage/1"

  public static func success(_ result: JSONText) -> JSONText {
    .object([("schema", .string(schema)), ("ok", .boolean(true)), ("result", result)])
  }

  /// Everything ran, and a verification gate was not met.
  public static func gatesNotMet(_ result: JSONText) -> JSONText {
    .object([("schema", .string(schema)), ("ok", .boolean(false)), ("result", result)])
  }

  public static func failure(_ diagnosis: Diagnosis) -> JSONText {
    .object([
      ("schema", .string(schema)), ("ok", .boolean(false)),
      (
        "error",
        .object([
          ("code", .string(diagnosis.code)), ("what", .string(diagnosis.what)), ("where", .string(diagnosis.place)),
          ("why", .string(diagnosis.why)), ("fix", .string(diagnosis.fix)),
        ])
      ),
    ])
  }
}
