extension TokenizerTables {
  static let magic: UInt32 = 0x4B54_5753
  static let version: UInt16 = 1
  static let listCountLimit = 1 << 16
  static let mergeCountLimit = 1 << 23
  /// Stands for an id that is not there.
  static let noID: UInt32 = .max

  /// The tables as bytes, the same for equal tables on every machine.
  ///
  /// All numbers are little-endian; nothing is aligned or padded. `text` is a `u32` byte count and as many bytes of
  /// UTF-8; `ids` is a `u32` count and as many `u32`; a `flag` is one byte, 0 or 1; an id that is absent is
  /// `0xFFFFFFFF`.
  ///
  /// | field | type | meaning |
  /// |---|---|---|
  /// | magic | u32 | `SWTK` |
  /// | version | u16 | 1 |
  /// | algorithm | u8 | 0 byte-level BPE, 1 SentencePiece |
  /// | rules | | by algorithm, below |
  /// | beginning | u32 | id of the beginning-of-sequence token |
  /// | ends, prefix, suffix | ids ×3 | tokens that end generation; tokens put around a text |
  /// | piece count *n* | u32 | |
  /// | kinds | u8 × n | 0 normal, 1 unknown, 2 control, 3 user-defined, 4 unused, 5 byte |
  /// | byte counts | u32 × n | of each piece |
  /// | content | bytes | the pieces end to end |
  /// | has scores | flag | 0 when every score is +0 |
  /// | scores | f32 × n | only when the flag is 1 |
  /// | merge count *m* | u32 | |
  /// | merges | (u32, u32) × m | left and right piece, by rank |
  /// | added token count *a* | u32 | |
  /// | added tokens | × a | id u32, flags special, strips left, strips right, single word, normalized; text |
  ///
  /// Byte-level rules: split pattern u8 (0 none, 1 GPT-2, 2 Llama 3, 3 Qwen 2), digit split u8 (0 none, 1 individual,
  /// 2 contiguous), flags adds prefix space, composes (NFC), ignores merges.
  ///
  /// SentencePiece rules: search u8 (0 merges by score, 1 merges by rank, 2 unigram), dummy prefix u8 (0 never, 1 every
  /// segment, 2 every segment without a space, 3 first segment, 4 first segment without a space), leading space u8
  /// (0 kept, 1 one removed, 2 removed until text), flags removes extra whitespaces, escapes whitespaces, byte
  /// fallback; unknown id u32, unknown surface text, character map (u32 byte count and bytes).
  public func serialized() -> [UInt8] {
    var writer = TableWriter()
    writer.append(Self.magic)
    writer.append(Self.version)
    switch algorithm {
    case .byteLevelBPE(let rules):
      writer.append(UInt8(0))
      writer.append(rules)
    case .sentencePiece(let rules):
      writer.append(UInt8(1))
      writer.append(rules)
    }
    writer.append(beginningID.map { UInt32($0) } ?? Self.noID)
    for list in [endIDs, prefixIDs, suffixIDs] {
      writer.append(UInt32(list.count))
      for id in list { writer.append(UInt32(id)) }
    }
    writer.append(pieces)
    writer.append(UInt32(merges.count))
    for merge in merges {
      writer.append(merge.left)
      writer.append(merge.right)
    }
    writer.append(UInt32(addedTokens.count))
    for token in addedTokens { writer.append(token) }
    return writer.bytes
  }

  /// Reads what `serialized()` wrote.
  /// - Throws: `TokenizerError` when the bytes are cut short, run on, hold an undefined value, or refer to a token that
  ///   does not exist.
  public init(deserializing bytes: Span<UInt8>) throws(TokenizerError) {
    var reader = TableReader()
    let magic = try reader.uint32(in: bytes)
    guard magic == Self.magic else { throw .notTables(found: magic) }
    let version = try reader.uint16(in: bytes)
    guard version == Self.version else { throw .unsupportedVersion(found: version, supported: Self.version) }
    switch try reader.uint8(in: bytes) {
    case 0: algorithm = .byteLevelBPE(try reader.byteLevelRules(in: bytes))
    case 1: algorithm = .sentencePiece(try reader.sentencePieceRules(in: bytes))
    case let code: throw .badCode(field: "algorithm", at: reader.position - 1, found: code)
    }
    let beginning = try reader.uint32(in: bytes)
    beginningID = beginning == Self.noID ? nil : Int(beginning)
    endIDs = try reader.ids("end tokens", in: bytes)
    prefixIDs = try reader.ids("prefix tokens", in: bytes)
    suffixIDs = try reader.ids("suffix tokens", in: bytes)
    pieces = try reader.pieces(in: bytes)
    let mergeCount = try reader.count("merges", limit: Self.mergeCountLimit, elementByteCount: 8, in: bytes)
    merges = []
    merges.reserveCapacity(mergeCount)
    for _ in 0..<mergeCount {
      merges.append(Merge(left: try reader.uint32(in: bytes), right: try reader.uint32(in: bytes)))
    }
    let addedCount = try reader.count("added tokens", limit: Self.listCountLimit, elementByteCount: 13, in: bytes)
    addedTokens = []
    for _ in 0..<addedCount { addedTokens.append(try reader.addedToken(in: bytes)) }
    guard reader.position == bytes.count else {
      throw .trailingBytes(at: reader.position, count: bytes.count - reader.position)
    }
    try validate()
  }
}

/// Appends little-endian values.
private struct TableWriter {
  private(set) var bytes: [UInt8] = []

  mutating func append(_ value: some FixedWidthInteger) {
    for shift in stride(from: 0, to: value.bitWidth, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  mutating func append(_ flag: Bool) { bytes.append(flag ? 1 : 0) }

  mutating func append(_ text: String) {
    append(UInt32(text.utf8.count))
    bytes += text.utf8
  }

  mutating func append(_ rules: ByteLevelRules) {
    append(rules.splitPattern.rawValue)
    append(rules.digitSplit.rawValue)
    append(rules.addsPrefixSpace)
    append(rules.composes)
    append(rules.ignoresMerges)
  }

  mutating func append(_ rules: SentencePieceRules) {
    append(rules.search.rawValue)
    append(rules.dummyPrefix.rawValue)
    append(rules.leadingSpace.rawValue)
    append(rules.removesExtraWhitespaces)
    append(rules.escapesWhitespaces)
    append(rules.hasByteFallback)
    append(UInt32(rules.unknownID))
    append(rules.unknownSurface)
    append(UInt32(rules.characterMap.count))
    bytes += rules.characterMap
  }

  mutating func append(_ pieces: PieceTable) {
    append(UInt32(pieces.count))
    for kind in pieces.kinds { append(kind.rawValue) }
    for id in 0..<pieces.count { append(UInt32(pieces.range(of: id).count)) }
    bytes += pieces.content
    let hasScores = pieces.scores.contains { $0.bitPattern != 0 }
    append(hasScores)
    if hasScores { for score in pieces.scores { append(score.bitPattern) } }
  }

  mutating func append(_ token: AddedToken) {
    append(UInt32(token.id))
    append(token.isSpecial)
    append(token.stripsLeft)
    append(token.stripsRight)
    append(token.isSingleWord)
    append(token.isNormalized)
    append(token.content)
  }
}

/// Reads little-endian values from bytes it is lent, never past their end.
private struct TableReader {
  private(set) var position = 0

  mutating func require(_ count: Int, in bytes: Span<UInt8>) throws(TokenizerError) {
    guard count <= bytes.count - position else {
      throw .truncated(at: position, needed: count, available: bytes.count - position)
    }
  }

  mutating func uint8(in bytes: Span<UInt8>) throws(TokenizerError) -> UInt8 {
    try require(1, in: bytes)
    position += 1
    return bytes[position - 1]
  }

  mutating func uint16(in bytes: Span<UInt8>) throws(TokenizerError) -> UInt16 {
    try require(2, in: bytes)
    position += 2
    return UInt16(bytes[position - 2]) | UInt16(bytes[position - 1]) << 8
  }

  mutating func uint32(in bytes: Span<UInt8>) throws(TokenizerError) -> UInt32 {
    try require(4, in: bytes)
    position += 4
    return (1...4).reduce(0) { $0 << 8 | UInt32(bytes[position - $1]) }
  }

  mutating func flag(_ field: String, in bytes: Span<UInt8>) throws(TokenizerError) -> Bool {
    let code = try uint8(in: bytes)
    guard code < 2 else { throw .badCode(field: field, at: position - 1, found: code) }
    return code == 1
  }

  mutating func code<Value: RawRepresentable<UInt8>>(
    _ field: String, in bytes: Span<UInt8>
  ) throws(TokenizerError) -> Value {
    let code = try uint8(in: bytes)
    guard let value = Value(rawValue: code) else { throw .badCode(field: field, at: position - 1, found: code) }
    return value
  }

  /// A count whose elements, of at least `elementByteCount` bytes each, fit what is left.
  mutating func count(
    _ field: String, limit: Int, elementByteCount: Int, in bytes: Span<UInt8>
  ) throws(TokenizerError) -> Int {
    let count = Int(try uint32(in: bytes))
    guard count <= limit else { throw .countTooLarge(field: field, count: count, limit: limit) }
    try require(count * elementByteCount, in: bytes)
    return count
  }

  mutating func blob(_ field: String, in bytes: Span<UInt8>) throws(TokenizerError) -> [UInt8] {
    let count = try count(field, limit: PieceTable.byteCountLimit, elementByteCount: 1, in: bytes)
    position += count
    return Array(copying: bytes, position - count..<position)
  }

  mutating func text(_ field: String, in bytes: Span<UInt8>) throws(TokenizerError) -> String {
    guard let text = String(validating: try blob(field, in: bytes), as: UTF8.self) else {
      throw .notUTF8(field: field)
    }
    return text
  }

  mutating func ids(_ field: String, in bytes: Span<UInt8>) throws(TokenizerError) -> [Int] {
    let count = try count(field, limit: TokenizerTables.listCountLimit, elementByteCount: 4, in: bytes)
    var ids: [Int] = []
    for _ in 0..<count { ids.append(Int(try uint32(in: bytes))) }
    return ids
  }

  mutating func byteLevelRules(in bytes: Span<UInt8>) throws(TokenizerError) -> ByteLevelRules {
    ByteLevelRules(
      splitPattern: try code("split pattern", in: bytes), digitSplit: try code("digit split", in: bytes),
      addsPrefixSpace: try flag("adds prefix space", in: bytes), composes: try flag("composes", in: bytes),
      ignoresMerges: try flag("ignores merges", in: bytes))
  }

  mutating func sentencePieceRules(in bytes: Span<UInt8>) throws(TokenizerError) -> SentencePieceRules {
    let search: SentencePieceRules.Search = try code("search", in: bytes)
    let dummyPrefix: SentencePieceRules.DummyPrefix = try code("dummy prefix", in: bytes)
    let leadingSpace: SentencePieceRules.LeadingSpace = try code("leading space", in: bytes)
    let removesExtraWhitespaces = try flag("removes extra whitespaces", in: bytes)
    let escapesWhitespaces = try flag("escapes whitespaces", in: bytes)
    let hasByteFallback = try flag("byte fallback", in: bytes)
    let unknownID = Int(try uint32(in: bytes))
    let unknownSurface = try text("unknown surface", in: bytes)
    return SentencePieceRules(
      search: search, characterMap: try blob("character map", in: bytes), dummyPrefix: dummyPrefix,
      removesExtraWhitespaces: removesExtraWhitespaces, escapesWhitespaces: escapesWhitespaces,
      hasByteFallback: hasByteFallback, unknownID: unknownID, unknownSurface: unknownSurface,
      leadingSpace: leadingSpace)
  }

  mutating func pieces(in bytes: Span<UInt8>) throws(TokenizerError) -> PieceTable {
    let count = try count("vocabulary", limit: PieceTable.countLimit, elementByteCount: 5, in: bytes)
    var kinds: [PieceTable.Kind] = []
    kinds.reserveCapacity(count)
    for _ in 0..<count { kinds.append(try code("piece kind", in: bytes)) }
    var byteCounts: [Int] = []
    byteCounts.reserveCapacity(count)
    var total = 0
    for _ in 0..<count {
      byteCounts.append(Int(try uint32(in: bytes)))
      total += byteCounts[byteCounts.count - 1]
      guard total <= PieceTable.byteCountLimit else {
        throw .countTooLarge(field: "vocabulary bytes", count: total, limit: PieceTable.byteCountLimit)
      }
    }
    try require(total, in: bytes)
    let content = Array(copying: bytes, position..<position + total)
    position += total
    let hasScores = try flag("has scores", in: bytes)
    if hasScores { try require(4 * count, in: bytes) }
    var table = PieceTable()
    table.reserveCapacity(count)
    var start = 0
    for index in 0..<count {
      let score = hasScores ? Float(bitPattern: try uint32(in: bytes)) : 0
      table.append(content[start..<start + byteCounts[index]], kind: kinds[index], score: score)
      start += byteCounts[index]
    }
    return table
  }

  mutating func addedToken(in bytes: Span<UInt8>) throws(TokenizerError) -> AddedToken {
    let id = Int(try uint32(in: bytes))
    let isSpecial = try flag("special", in: bytes)
    let stripsLeft = try flag("strips left", in: bytes)
    let stripsRight = try flag("strips right", in: bytes)
    let isSingleWord = try flag("single word", in: bytes)
    let isNormalized = try flag("normalized", in: bytes)
    return AddedToken(
      id: id, content: try text("added token \(id)", in: bytes), isSpecial: isSpecial, stripsLeft: stripsLeft,
      stripsRight: stripsRight, isSingleWord: isSingleWord, isNormalized: isNormalized)
  }
}

extension [UInt8] {
  fileprivate init(copying bytes: Span<UInt8>, _ range: Range<Int>) {
    self.init()
    reserveCapacity(range.count)
    for position in range { append(bytes[position]) }
  }
}
