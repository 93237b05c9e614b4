import ForeignFormats
import Tokenization

/// Turns a SentencePiece model into tables.
enum SentencePieceImport {
  /// Tokens that are found in the text itself are those of `added_tokens_decoder` in `tokenizer_config.json`; where
  /// there is no such list, the control pieces and the tokens of `added_tokens.json`.
  /// - Throws: `TokenizerImportError`, and what reading the folder throws.
  static func source(
    _ model: SentencePieceModel, file: String, _ folder: inout TokenizerFolder
  ) throws -> TokenizerSource {
    let search = try search(model, file)
    let unknowns = model.pieces.indices.filter { model.pieces[$0].kind == .unknown }
    guard unknowns.count == 1 else {
      throw malformed(file, "it has \(unknowns.count) unknown pieces, and needs exactly one")
    }
    var vocabulary = Vocabulary(file: file)
    for (id, piece) in model.pieces.enumerated() { try vocabulary.add(piece.text, id: id) }
    let config = try folder.json("tokenizer_config.json")
    for token in try addedTokens(model, config, &folder) { try vocabulary.add(token) }

    // With the legacy behaviour each stretch between added tokens is a text of its own, with its own dummy prefix.
    let isLegacy = try config?.bool("legacy") ?? true
    let stripsSpace = model.addsDummyPrefix || model.removesExtraWhitespaces
    let rules = SentencePieceRules(
      search: search, characterMap: model.precompiledCharacterMap,
      dummyPrefix: !model.addsDummyPrefix ? .never : isLegacy ? .everySegment : .firstSegment,
      removesExtraWhitespaces: model.removesExtraWhitespaces, escapesWhitespaces: model.escapesWhitespaces,
      hasByteFallback: model.hasByteFallback, unknownID: unknowns[0], unknownSurface: model.unknownSurface,
      leadingSpace: !stripsSpace ? .kept : model.removesExtraWhitespaces ? .removedUntilText : .oneRemoved)
    let beginning = controlPiece(model.beginningID, model)
    return TokenizerSource(
      file: file, vocabulary: vocabulary, algorithm: .sentencePiece(rules), pieces: pieces(model, vocabulary),
      prefixIDs: beginning.map { [$0] } ?? [], beginningID: beginning, endID: controlPiece(model.endID, model))
  }

  private static func search(_ model: SentencePieceModel, _ file: String) throws -> SentencePieceRules.Search {
    let supported = "BPE, unigram"
    guard !model.treatsWhitespaceAsSuffix else {
      throw TokenizerImportError.unsupported(
        file: file, component: "model", found: "white space as a suffix", supported: "white space as a prefix")
    }
    switch model.algorithm {
    case .bpe: return .mergesByScore
    case .unigram: return .unigram
    case .word:
      throw TokenizerImportError.unsupported(file: file, component: "model", found: "word", supported: supported)
    case .character:
      throw TokenizerImportError.unsupported(file: file, component: "model", found: "char", supported: supported)
    }
  }

  private static func addedTokens(
    _ model: SentencePieceModel, _ config: JSONFields?, _ folder: inout TokenizerFolder
  ) throws -> [AddedToken] {
    if let listed = try config?.fields("added_tokens_decoder") {
      return try listed.object.members.map { member in
        guard let id = Int(member.key) else { throw listed.malformed("\(member.key.debugDescription) is not an id") }
        let fields = try JSONFields(member.value, file: listed.file, place: "added token \(id)")
        return try TokenizerJSON.addedToken(fields, id: id, hasNormalizer: false)
      }.sorted { $0.id < $1.id }
    }
    let controls = model.pieces.enumerated().filter { $0.element.kind == .control && !$0.element.text.isEmpty }
      .map { AddedToken(id: $0.offset, content: $0.element.text, isSpecial: true) }
    guard let extra = try folder.json("added_tokens.json") else { return controls }
    return try controls
      + extra.object.members.map { member in
        guard let id = member.value.integer else {
          throw extra.malformed("the id of \(member.key.debugDescription) is \(member.value.kind)")
        }
        return AddedToken(id: Int(id), content: member.key, isSpecial: false)
      }.filter { token in !controls.contains { $0.id == token.id } }.sorted { $0.id < $1.id }
  }

  private static func controlPiece(_ id: Int, _ model: SentencePieceModel) -> Int? {
    model.pieces.indices.contains(id) && model.pieces[id].kind == .control ? id : nil
  }

  /// The model's pieces, then the tokens added behind them.
  private static func pieces(_ model: SentencePieceModel, _ vocabulary: Vocabulary) -> PieceTable {
    var pieces = PieceTable()
    pieces.reserveCapacity(vocabulary.count)
    for piece in model.pieces {
      let kind: PieceTable.Kind =
        switch piece.kind {
        case .normal: .normal
        case .unknown: .unknown
        case .control: .control
        case .userDefined: .userDefined
        case .unused: .unused
        case .byte: .byte
        }
      pieces.append(piece.text.utf8, kind: kind, score: piece.score)
    }
    for text in vocabulary.texts[pieces.count...] { pieces.append((text ?? "").utf8, kind: .unused) }
    return pieces
  }

  private static func malformed(_ file: String, _ why: String) -> TokenizerImportError {
    .malformed(file: file, place: "the vocabulary", why: why)
  }
}
