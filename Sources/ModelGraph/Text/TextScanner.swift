/// Reads a text byte by byte and knows the line and column it is at.
struct TextScanner {
  private let bytes: [UInt8]
  private var position = 0
  private var lineStart = 0
  private var lineNumber = 1

  init(_ text: String) { bytes = Array(text.utf8) }

  var isAtEnd: Bool { position == bytes.count }

  /// Both count from 1.
  var place: (line: Int, column: Int) { (lineNumber, position - lineStart + 1) }

  var nextByte: UInt8? { position < bytes.count ? bytes[position] : nil }

  func starts(with literal: String) -> Bool {
    bytes[position...].starts(with: literal.utf8)
  }

  func unexpected(_ expected: String) -> GraphError {
    let rest = bytes[position...].prefix(40).prefix { $0 != UInt8(ascii: "\n") }
      .map { $0 >= UInt8(ascii: " ") && $0 < 0x7F ? $0 : UInt8(ascii: "?") }
    let found =
      if isAtEnd { "the end of the text" } else if rest.isEmpty { "the end of the line" } else {
        "`\(String(decoding: rest, as: UTF8.self))`"
      }
    return .syntax(line: place.line, column: place.column, expected: expected, found: found)
  }

  /// Passes over `literal`, which holds no line break.
  mutating func expect(_ literal: String) throws(GraphError) {
    guard starts(with: literal) else { throw unexpected("`\(literal)`") }
    position += literal.utf8.count
  }

  mutating func take(_ literal: String) -> Bool {
    guard starts(with: literal) else { return false }
    position += literal.utf8.count
    return true
  }

  mutating func endLine() throws(GraphError) {
    guard nextByte == UInt8(ascii: "\n") else { throw unexpected("the end of the line") }
    position += 1
    lineStart = position
    lineNumber += 1
  }

  /// One or more bytes that satisfy `belongs`.
  mutating func run(_ expected: String, while belongs: (UInt8) -> Bool) throws(GraphError) -> String {
    let start = position
    while position < bytes.count, belongs(bytes[position]) { position += 1 }
    guard position > start else { throw unexpected(expected) }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  /// A well-formed name.
  mutating func name(_ expected: String) throws(GraphError) -> String {
    let before = self
    let name = try run(expected) { $0.isNamePart || $0 == UInt8(ascii: ".") }
    do {
      try name.requireName()
    } catch { throw before.unexpected(expected) }
    return name
  }

  /// A decimal without sign or leading zeros, at most ten digits.
  mutating func integer(_ expected: String) throws(GraphError) -> Int {
    let before = self
    let digits = try run(expected) { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    guard digits.utf8.count <= 10, let value = Int(digits), digits == String(value) else {
      throw before.unexpected(expected)
    }
    return value
  }
}
