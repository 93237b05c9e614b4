/// Text to token ids and back. Immutable: one tokenizer may serve any number of threads.
public struct Tokenizer: Sendable {
  public let tables: TokenizerTables

  private enum Encoder: Sendable {
    case byteLevel(ByteLevelEncoder)
    case sentencePiece(SentencePieceEncoder)
  }

  private let encoder: Encoder
  private let rawSplitter: AddedTokenSplitter
  private let normalizedSplitter: AddedTokenSplitter
  /// What each id decodes to.
  private let surfaces: PieceSurfaces

  /// - Throws: `TokenizerError` when the tables contradict themselves.
  public init(_ tables: TokenizerTables) throws(TokenizerError) {
    try tables.validate()
    self.tables = tables
    switch tables.algorithm {
    case .byteLevelBPE(let rules): encoder = .byteLevel(try ByteLevelEncoder(tables, rules))
    case .sentencePiece(let rules): encoder = .sentencePiece(try SentencePieceEncoder(tables, rules))
    }
    let raw = tables.addedTokens.filter { !$0.isNormalized }
    rawSplitter = AddedTokenSplitter(raw, contents: raw.map { Array($0.content.utf8) })
    let normalized = tables.addedTokens.filter(\.isNormalized)
    var contents: [[UInt8]] = []
    for token in normalized { contents.append(Self.normalized(Array(token.content.utf8), encoder)) }
    normalizedSplitter = AddedTokenSplitter(normalized, contents: contents)
    surfaces = PieceSurfaces(
      tables,
      normalizedContents: Dictionary(zip(normalized.map(\.id), contents)) { first, _ in first })
  }

  public var vocabularyCount: Int { tables.pieces.count }
  public var beginningID: Int? { tables.beginningID }
  /// Generation stops at each of these.
  public var endIDs: [Int] { tables.endIDs }

  /// The ids of `text`. Added tokens written in the text become their ids.
  /// - Parameter addSpecial: also puts the tokens around it that the model expects, such as beginning of sequence.
  public func encode(_ text: String, addSpecial: Bool = false) -> [Int] {
    var ids = addSpecial ? tables.prefixIDs : []
    let bytes = Array(text.utf8)
    ids.reserveCapacity(ids.count + bytes.count / 3)
    var scratch = EncodingScratch()
    for segment in rawSplitter.split(bytes, 0..<bytes.count) {
      switch segment {
      case .token(let id): ids.append(id)
      case .text(let range): encode(bytes, range, into: &ids, &scratch)
      }
    }
    if addSpecial { ids += tables.suffixIDs }
    return ids
  }

  /// The text of `ids`. Bytes that are not UTF-8 become U+FFFD, one for each longest ill-formed stretch.
  /// - Parameter includingSpecial: keeps the names of special tokens in the text.
  /// - Throws: `TokenizerError.unknownToken`.
  public func decode(_ ids: some Sequence<Int>, includingSpecial: Bool = false) throws(TokenizerError) -> String {
    var decoding = DecodingState()
    var bytes: [UInt8] = []
    for id in ids { bytes += try decodedBytes(of: id, includingSpecial: includingSpecial, &decoding) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The bytes that `id` adds to a text that has begun; none for special tokens.
  /// - Throws: `TokenizerError.unknownToken`.
  public func decodeBytes(_ id: Int) throws(TokenizerError) -> [UInt8] {
    var decoding = DecodingState(hasText: true)
    return try decodedBytes(of: id, includingSpecial: false, &decoding)
  }

  func decodedBytes(
    of id: Int, includingSpecial: Bool, _ decoding: inout DecodingState
  ) throws(TokenizerError) -> [UInt8] {
    guard id >= 0, id < vocabularyCount else { throw .unknownToken(id: id, vocabularyCount: vocabularyCount) }
    return surfaces.bytes(of: id, includingSpecial: includingSpecial, &decoding)
  }

  private func encode(
    _ text: [UInt8], _ range: Range<Int>, into ids: inout [Int], _ scratch: inout EncodingScratch
  ) {
    let prepared: [UInt8]?
    switch encoder {
    case .byteLevel(let encoder): prepared = encoder.normalized(text[range])
    case .sentencePiece(let encoder):
      prepared = encoder.normalizer.normalized(text, range, isFirst: range.lowerBound == 0)
    }
    let normalized = prepared ?? text
    if prepared != nil { scratch.cache.removeAll() }
    for segment in normalizedSplitter.split(normalized, prepared == nil ? range : 0..<normalized.count) {
      switch segment {
      case .token(let id): ids.append(id)
      case .text(let range):
        switch encoder {
        case .byteLevel(let encoder): encoder.encode(normalized, range, into: &ids, &scratch)
        case .sentencePiece(let encoder): encoder.encode(normalized, range, into: &ids, &scratch)
        }
      }
    }
    if prepared != nil { scratch.cache.removeAll() }
  }

  private static func normalized(_ content: [UInt8], _ encoder: Encoder) -> [UInt8] {
    switch encoder {
    case .byteLevel(let encoder): encoder.normalized(content[...]) ?? content
    case .sentencePiece(let encoder): encoder.normalizer.normalized(content, 0..<content.count, isFirst: true)
    }
  }
}
