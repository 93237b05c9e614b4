/// An option's value as it was written: one scalar, or a list or a mapping of them.
enum WrittenValue: Sendable, Equatable {
  case scalar(String)
  case list([String])
  case mapping([Entry])

  struct Entry: Sendable, Equatable {
    let key: String
    let text: String
  }

  /// For error messages, at most 60 characters.
  var excerpt: String {
    let text =
      switch self {
      case .scalar(let text): text
      case .list(let texts): "[" + texts.prefix(30).joined(separator: ", ") + "]"
      case .mapping(let entries):
        "{ " + entries.prefix(30).map { "\($0.key): \($0.text)" }.joined(separator: ", ") + " }"
      }
    return text.count <= 60 ? text : text.prefix(57) + "…"
  }
}

/// Why a written value is not one of an option's kind.
enum OptionFault: Error {
  case malformed
  case outOfRange
}

extension OptionKind {
  /// Reads a value of this kind and holds it against the bounds.
  func read(_ written: WrittenValue) throws(OptionFault) -> OptionValue {
    if written == .list([]) { throw .malformed }
    if case .mapping = written, self != .taskFiles { throw .malformed }
    switch self {
    case .integers(let range):
      var values: [Int] = []
      for item in written.items { values.append(try Self.integer(item, in: range)) }
      return .integers(values)
    case .globs:
      var globs: [Glob] = []
      for item in written.items {
        guard let glob = Glob(item) else { throw .malformed }
        globs.append(glob)
      }
      return .globs(globs)
    case .candidates:
      var candidates: [EncodingCandidate] = []
      for item in written.items {
        guard let candidate = EncodingCandidate(item), !candidates.contains(candidate) else { throw .malformed }
        candidates.append(candidate)
      }
      return .candidates(candidates)
    case .taskFiles:
      guard case .mapping(let entries) = written, !entries.isEmpty else { throw .malformed }
      let files = entries.map { TaskFile(task: $0.key, path: $0.text) }
      guard files.allSatisfy({ $0.hasValidName && !$0.path.isEmpty }) else { throw .malformed }
      return .taskFiles(files)
    default:
      guard case .scalar(let text) = written else { throw .malformed }
      return try readScalar(text)
    }
  }

  private func readScalar(_ text: String) throws(OptionFault) -> OptionValue {
    switch self {
    case .integer(let range): return .integer(try Self.integer(text, in: range))
    case .number(let range): return .number(try Self.number(text[...], in: range))
    case .fraction(let range): return .number(try Self.fraction(text, in: range))
    case .boolean:
      guard let value = Bool(text) else { throw .malformed }
      return .boolean(value)
    case .choice(let words):
      guard words.contains(text) else { throw .outOfRange }
      return .word(text)
    case .byteSize: return .byteSize(try Self.byteSize(text))
    case .pattern(let limit): return .pattern(try Self.pattern(text, limit: limit))
    case .text:
      guard !text.isEmpty else { throw .malformed }
      return .text(text)
    case .integers, .globs, .candidates, .taskFiles: throw .malformed
    }
  }

  private static func integer(_ text: String, in range: ClosedRange<Int>) throws(OptionFault) -> Int {
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { throw .malformed }
    guard let value = Int(text), range.contains(value) else { throw .outOfRange }
    return value
  }

  private static func number(_ text: Substring, in range: ClosedRange<Double>) throws(OptionFault) -> Double {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }),
      let value = Double(text)
    else { throw .malformed }
    guard value.isFinite, range.contains(value) else { throw .outOfRange }
    return value == 0 ? 0 : value
  }

  private static func fraction(_ text: String, in range: ClosedRange<Double>) throws(OptionFault) -> Double {
    guard text.hasSuffix("%") else { return try number(text[...], in: range) }
    let share = try number(text.dropLast(), in: -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude) / 100
    guard range.contains(share) else { throw .outOfRange }
    return share
  }

  private static func byteSize(_ text: String) throws(OptionFault) -> Int {
    let unit = text.drop { $0.isNumber || $0 == "." }
    let factor: Double
    switch unit.lowercased() {
    case "", "b": factor = 1
    case "k", "kib": factor = 0x1p10
    case "m", "mib": factor = 0x1p20
    case "g", "gib": factor = 0x1p30
    case "t", "tib": factor = 0x1p40
    case "kb": factor = 1e3
    case "mb": factor = 1e6
    case "gb": factor = 1e9
    case "tb": factor = 1e12
    default: throw .malformed
    }
    let count = try number(text[..<unit.startIndex], in: 0...Double.infinity)
    guard count * factor < 0x1p62 else { throw .outOfRange }
    return Int(count * factor)
  }

  private static func pattern(_ text: String, limit: Int) throws(OptionFault) -> KeptPattern {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw .malformed }
    let group = try integer(String(parts[1]), in: 2...limit)
    return KeptPattern(kept: try integer(String(parts[0]), in: 1...group - 1), group: group)
  }
}

extension WrittenValue {
  /// The items of a list; a scalar is a list with commas between its items.
  fileprivate var items: [String] {
    switch self {
    case .mapping: []
    case .list(let items): items
    case .scalar(let text): text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
  }
}
