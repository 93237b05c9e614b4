import ForeignFormats
import Tokenization

extension TokenizerJSON {
  private static let escapedSpace = "\u{2581}"

  /// BPE over text whose spaces are written `▁`: by a normalizer (Prepend, Replace) or by a Metaspace pre-tokenizer.
  static func spacedSource(
    _ root: JSONFields, _ model: JSONFields, _ steps: [JSONFields], _ vocabulary: Vocabulary
  ) throws -> TokenizerSource {
    if try model.bool("ignore_merges") ?? false {
      throw root.unsupported("model", "ignore_merges without ByteLevel", supported: "ignore_merges with ByteLevel")
    }
    let unknownToken = try model.required("unk_token", model.string("unk_token"))
    guard let unknownID = vocabulary.id(of: unknownToken) else {
      throw model.malformed("its unk_token \(unknownToken.debugDescription) is not in the vocabulary")
    }
    let hasByteFallback = try model.bool("byte_fallback") ?? false
    guard try hasByteFallback || model.bool("fuse_unk") ?? false else {
      throw root.unsupported("model", "BPE without byte_fallback or fuse_unk", supported: "either of them")
    }
    let rules = SentencePieceRules(
      search: .mergesByRank, dummyPrefix: try dummyPrefix(root, steps), hasByteFallback: hasByteFallback,
      unknownID: unknownID, unknownSurface: unknownToken, leadingSpace: try leadingSpace(root))
    return TokenizerSource(
      file: root.file, vocabulary: vocabulary, algorithm: .sentencePiece(rules),
      pieces: spacedPieces(vocabulary, unknownID: unknownID, hasByteFallback: hasByteFallback))
  }

  private static func dummyPrefix(
    _ root: JSONFields, _ steps: [JSONFields]
  ) throws -> SentencePieceRules.DummyPrefix {
    var hasPrepend = false, hasReplace = false
    for normalizer in try components(root, "normalizer", list: "normalizers") {
      switch try normalizer.string("type") {
      case "Prepend" where try !hasPrepend && !hasReplace && normalizer.string("prepend") == escapedSpace:
        hasPrepend = true
      case "Replace" where try !hasReplace && isSpaceReplacement(normalizer, from: " ", to: escapedSpace):
        hasReplace = true
      case let type:
        throw root.unsupported(
          "normalizer", type ?? "of no type", supported: "Prepend of ▁ followed by Replace of spaces with ▁")
      }
    }
    if hasReplace, steps.isEmpty { return hasPrepend ? .everySegment : .never }
    guard !hasPrepend, !hasReplace, steps.count == 1, try steps[0].string("type") == "Metaspace",
      try steps[0].string("replacement") == escapedSpace, try steps[0].bool("split") == false
    else {
      let found = try steps.map { try $0.string("type") ?? "no type" }.joined(separator: ", ")
      throw root.unsupported(
        "pre_tokenizer", found.isEmpty ? "none" : found,
        supported: "ByteLevel; Metaspace that does not split; none after a normalizer that writes spaces as ▁")
    }
    switch try steps[0].string("prepend_scheme") {
    case "always": return .everySegmentWithoutSpace
    case "first": return .firstSegmentWithoutSpace
    case "never": return .never
    case let scheme:
      throw root.unsupported(
        "pre_tokenizer", "Metaspace with prepend_scheme \(scheme ?? "missing")", supported: "always, first, never")
    }
  }

  /// Whether decoding removes a space at the beginning.
  private static func leadingSpace(_ root: JSONFields) throws -> SentencePieceRules.LeadingSpace {
    let steps = try components(root, "decoder", list: "decoders")
    let types = try steps.map { try $0.string("type") ?? "no type" }
    let isKnown =
      try types.starts(with: ["Replace", "ByteFallback", "Fuse"])
      && isSpaceReplacement(steps[0], from: escapedSpace, to: " ")
    if isKnown, types.count == 3 { return .kept }
    if isKnown, types.count == 4, types[3] == "Strip", try steps[3].string("content") == " ",
      try steps[3].integer("start") == 1, try steps[3].integer("stop") == 0
    {
      return .oneRemoved
    }
    throw root.unsupported(
      "decoder", types.isEmpty ? "none" : types.joined(separator: ", "),
      supported: "Replace of ▁ with spaces, ByteFallback, Fuse, and Strip of one space in front")
  }

  private static func isSpaceReplacement(_ step: JSONFields, from: String, to: String) throws -> Bool {
    try step.fields("pattern")?.string("String") == from && step.string("content") == to
  }

  private static func spacedPieces(_ vocabulary: Vocabulary, unknownID: Int, hasByteFallback: Bool) -> PieceTable {
    let added = Dictionary(uniqueKeysWithValues: vocabulary.addedTokens.map { ($0.id, $0) })
    var pieces = PieceTable()
    pieces.reserveCapacity(vocabulary.count)
    for (id, text) in vocabulary.texts.enumerated() {
      let text = text ?? ""
      let kind: PieceTable.Kind =
        if id == unknownID {
          .unknown
        } else if let token = added[id] {
          token.isSpecial ? .control : .unused
        } else if text.isEmpty {
          .unused
        } else if hasByteFallback, isBytePiece(text) {
          .byte
        } else {
          .normal
        }
      pieces.append(text.utf8, kind: kind)
    }
    return pieces
  }

  /// Whether `text` is `<0x00>` … `<0xFF>`.
  private static func isBytePiece(_ text: String) -> Bool {
    text.utf8.count == 6 && text.hasPrefix("<0x") && text.hasSuffix(">")
      && UInt8(text.dropFirst(3).dropLast(), radix: 16) != nil
  }
}
