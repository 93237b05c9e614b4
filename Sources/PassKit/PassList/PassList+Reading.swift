import Diagnostics

extension PassList {
  private static let keys = ["version", "calibration", "passes", "verify"]

  /// Reads a list file.
  /// - Parameters:
  ///   - bytes: the file's content.
  ///   - path: the file's path, for messages and as the start of relative paths.
  public init(parsing bytes: [UInt8], path: String, catalog: PassCatalog) throws(PassListError) {
    let start = SourcePlace.file(path: path, line: 1, column: 1)
    guard let root = try YAMLNode.parse(bytes, path: path) else { throw .emptyList(place: start) }
    guard case .mapping(let entries) = root.content else {
      throw .wrongShape(
        of: "a pass list", expected: "a mapping with the keys \(Self.keys.joined(separator: ", "))", place: root.place)
    }
    // First, because a list of a later version may hold keys this program has never heard of.
    try Self.checkVersion(entries, place: root.place)
    for entry in entries where !Self.keys.contains(entry.key) {
      throw .unknownKey(
        key: entry.key, nearest: Suggestion.nearest(to: entry.key, in: Self.keys), known: Self.keys,
        place: entry.keyPlace)
    }

    var calibration: CalibrationSettings?
    var verify: VerifySettings?
    var steps: [PassStep] = []
    for entry in entries {
      switch entry.key {
      case "calibration":
        calibration = try CalibrationSettings(
          values: Self.settings(entry.value, of: entry.key, declarations: CalibrationSettings.options),
          place: entry.value.place)
      case "verify":
        verify = VerifySettings(
          values: try Self.settings(entry.value, of: entry.key, declarations: VerifySettings.options))
      case "passes":
        guard case .sequence(let items) = entry.value.content else {
          if case .null = entry.value.content { throw .emptyList(place: entry.keyPlace) }
          throw .wrongShape(of: "passes", expected: "a list with a '-' before each pass", place: entry.value.place)
        }
        for item in items { steps.append(try Self.step(item, catalog: catalog)) }
      default: break
      }
    }
    guard !steps.isEmpty else {
      throw .emptyList(place: entries.first { $0.key == "passes" }?.keyPlace ?? root.place)
    }
    let folder = path.lastIndex(of: "/").map { path[...$0] }
    self.init(calibration: calibration, steps: steps, verify: verify, folder: folder.map(String.init) ?? "")
  }

  private static func checkVersion(_ entries: [YAMLNode.Entry], place: SourcePlace) throws(PassListError) {
    guard let entry = entries.first(where: { $0.key == "version" }) else { throw .missingVersion(place: place) }
    guard case .scalar(let text) = entry.value.content else {
      throw .wrongShape(of: "version", expected: "the number \(version)", place: entry.value.place)
    }
    guard text == String(version) else {
      throw .unsupportedVersion(found: String(text.prefix(40)), supported: version, place: entry.value.place)
    }
  }

  /// A bare name, or a mapping of one name to the options.
  private static func step(_ node: YAMLNode, catalog: PassCatalog) throws(PassListError) -> PassStep {
    switch node.content {
    case .null: throw .emptyStep(place: node.place)
    case .scalar(let name): return try PassStep(name: name, options: [], catalog: catalog, place: node.place)
    case .mapping(let entries) where entries.count == 1:
      let options = try options(entries[0].value, of: entries[0].key)
      return try PassStep(name: entries[0].key, options: options, catalog: catalog, place: entries[0].keyPlace)
    case .mapping, .sequence:
      throw .wrongShape(
        of: "a step", expected: "one pass with its options, such as 'quantize: { bits: 4 }'", place: node.place)
    }
  }

  private static func settings(
    _ node: YAMLNode, of section: String, declarations: [OptionDeclaration]
  ) throws(PassListError) -> OptionValues {
    let mappings = declarations.filter { $0.kind == .taskFiles }.map(\.name)
    return try OptionValues(
      options(node, of: section, mappings: mappings), declarations: declarations, owner: section, place: node.place)
  }

  /// - Parameter mappings: the options that may be mappings themselves.
  private static func options(
    _ node: YAMLNode, of owner: String, mappings: [String] = []
  ) throws(PassListError) -> [WrittenOption] {
    switch node.content {
    case .null: return []
    case .mapping(let entries):
      var options: [WrittenOption] = []
      for entry in entries {
        options.append(try option(entry, of: owner, isMapping: mappings.contains(entry.key)))
      }
      return options
    case .scalar, .sequence:
      throw .wrongShape(of: "what follows '\(owner):'", expected: "a mapping such as { key: value }", place: node.place)
    }
  }

  private static func option(
    _ entry: YAMLNode.Entry, of owner: String, isMapping: Bool
  ) throws(PassListError) -> WrittenOption {
    let value: WrittenValue
    switch entry.value.content {
    case .scalar(let text): value = .scalar(text)
    case .null: value = .scalar("")
    case .sequence(let items):
      var texts: [String] = []
      for item in items {
        guard case .scalar(let text) = item.content else {
          throw .wrongShape(of: "an item of '\(entry.key)'", expected: "one value", place: item.place)
        }
        texts.append(text)
      }
      value = .list(texts)
    case .mapping(let members) where isMapping:
      var entries: [WrittenValue.Entry] = []
      for member in members {
        guard case .scalar(let text) = member.value.content else {
          throw .wrongShape(of: "'\(member.key)' of \(entry.key)", expected: "one value", place: member.value.place)
        }
        entries.append(WrittenValue.Entry(key: member.key, text: text))
      }
      value = .mapping(entries)
    case .mapping:
      throw .wrongShape(
        of: "'\(entry.key)' of \(owner)", expected: "a value or a list of values", place: entry.value.place)
    }
    return WrittenOption(name: entry.key, value: value, place: entry.value.place)
  }
}
