import Yams

/// A YAML value with its place: all that a pass list needs of YAML, without anchors, tags or types.
struct YAMLNode {
  enum Content {
    /// Nothing, `~` or `null`.
    case null
    case scalar(String)
    case sequence([YAMLNode])
    case mapping([Entry])
  }

  struct Entry {
    let key: String
    let keyPlace: SourcePlace
    let value: YAMLNode
  }

  let content: Content
  let place: SourcePlace
}

extension YAMLNode {
  /// Bytes a pass list may have; real ones have hundreds.
  static let byteLimit = 256 * 1024

  /// Parses the one document in `bytes`.
  /// - Parameter path: named in errors.
  /// - Returns: nil for a document that holds nothing.
  static func parse(_ bytes: [UInt8], path: String) throws(PassListError) -> YAMLNode? {
    let start = SourcePlace.file(path: path, line: 1, column: 1)
    guard bytes.count <= byteLimit else {
      throw .tooLarge(byteCount: bytes.count, limit: byteLimit, place: start)
    }
    let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let content = bytes.starts(with: byteOrderMark) ? bytes.dropFirst(byteOrderMark.count) : bytes[...]
    guard let text = String(validating: content, as: UTF8.self) else { throw .notUTF8(place: start) }
    if let place = anchorPlace(in: bytes, path: path) { throw .anchor(place: place) }
    let root: Node?
    do {
      // Without a resolver every plain scalar stays text: the declarations of the options say what it is.
      root = try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
    } catch {
      throw Self.error(for: error, path: path, start: start)
    }
    return try root.map { node throws(PassListError) in try YAMLNode(node, path: path) }
  }

  /// Where an anchor `&name` might begin. Looked for before parsing, because aliases of aliases can make a small text
  /// stand for a tree of any size. Inside a plain scalar a letter precedes the `&`; in a comment or in quotes an `&`
  /// directly before a letter and after none is refused too, which costs nobody much.
  private static func anchorPlace(in bytes: [UInt8], path: String) -> SourcePlace? {
    func isWordByte(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    var line = 1, column = 0
    for (index, byte) in bytes.enumerated() {
      column += 1
      if byte == UInt8(ascii: "&"), index + 1 < bytes.count, isWordByte(bytes[index + 1]),
        index == 0 || !isWordByte(bytes[index - 1])
      {
        return .file(path: path, line: line, column: column)
      }
      if byte == UInt8(ascii: "\n") { (line, column) = (line + 1, 0) }
    }
    return nil
  }

  private init(_ node: Node, path: String) throws(PassListError) {
    let mark = node.mark
    place = .file(path: path, line: mark?.line ?? 1, column: mark?.column ?? 1)
    switch node {
    case .scalar(let scalar):
      guard Self.isOrdinary(scalar.tag) else { throw .unquotedPattern(place: place) }
      let isPlain = scalar.style == .plain || scalar.style == .any
      content = isPlain && ["", "~", "null"].contains(scalar.string) ? .null : .scalar(scalar.string)
    case .sequence(let sequence):
      guard Self.isOrdinary(sequence.tag) else { throw .malformedYAML(problem: "tags are not allowed", place: place) }
      var items: [YAMLNode] = []
      for item in sequence { items.append(try YAMLNode(item, path: path)) }
      content = .sequence(items)
    case .mapping(let mapping):
      guard Self.isOrdinary(mapping.tag) else { throw .malformedYAML(problem: "tags are not allowed", place: place) }
      var entries: [Entry] = []
      for (key, value) in mapping {
        let keyNode = try YAMLNode(key, path: path)
        guard case .scalar(let name) = keyNode.content else {
          throw .malformedYAML(problem: "a key must be a word", place: keyNode.place)
        }
        guard !entries.contains(where: { $0.key == name }) else { throw .duplicateKey(key: name, place: keyNode.place) }
        entries.append(Entry(key: name, keyPlace: keyNode.place, value: try YAMLNode(value, path: path)))
      }
      content = .mapping(entries)
    case .alias:
      throw .unquotedPattern(place: place)
    }
  }

  /// Whether the text holds no tag of its own here. Comparing keys resolves their tags, so that the default ones
  /// occur too.
  private static func isOrdinary(_ tag: Tag) -> Bool {
    [Tag.Name.implicit, .str, .seq, .map].contains { $0.rawValue == tag.rawValue }
  }

  private static func error(for error: any Error, path: String, start: SourcePlace) -> PassListError {
    func place(_ mark: Mark) -> SourcePlace { .file(path: path, line: mark.line, column: mark.column) }
    switch error as? YamlError {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let words = [context?.text, problem].compactMap(\.self).joined(separator: ", ")
      return words.contains("alias") || words.contains("tag")
        ? .unquotedPattern(place: place(mark)) : .malformedYAML(problem: words, place: place(mark))
    case .reader(let problem, let offset, _, let yaml):
      let before = yaml.prefix(offset ?? 0)
      let line = 1 + before.count { $0.isNewline }
      let column = 1 + before.reversed().prefix { !$0.isNewline }.count
      return .malformedYAML(problem: problem, place: .file(path: path, line: line, column: column))
    case .duplicatedKeysInMapping(let keys, let context):
      return .duplicateKey(key: keys.first ?? "", place: place(context.mark))
    default:
      return .malformedYAML(problem: "\(error)", place: start)
    }
  }
}
