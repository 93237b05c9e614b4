/// What a section of a pack holds (docs/format.md §2.2); raw values are the codes in the section table.
public enum SectionKind: UInt32, CaseIterable, Sendable {
  case manifest = 1
  case graph = 2
  case tokenizer = 3
  case chatTemplate = 4
  case parameters = 5
  case provenance = 6
  case accuracy = 7

  /// The name in the table of docs/format.md §2.2.
  public var name: String {
    switch self {
    case .manifest: "manifest"
    case .graph: "graph"
    case .tokenizer: "tokenizer"
    case .chatTemplate: "chat-template"
    case .parameters: "parameters"
    case .provenance: "provenance"
    case .accuracy: "accuracy"
    }
  }

  var mayRepeat: Bool { self == .parameters }
  var mustOccur: Bool { self == .manifest || self == .graph || self == .provenance }
  var mayBeCompressed: Bool { rawValue <= Self.chatTemplate.rawValue }
  var mayBeEmpty: Bool { self == .parameters || self == .provenance }

  /// Most bytes a section of this kind may have after decompression.
  var byteLimit: Int {
    switch self {
    case .manifest, .graph, .provenance: 64 << 20
    case .tokenizer: 256 << 20
    case .chatTemplate: 16 << 20
    case .parameters: .max
    case .accuracy: 1 << 20
    }
  }
}

/// How a section's bytes are stored.
public enum SectionCompression: UInt32, Sendable {
  case none = 0
  case lz4 = 1
}
