import TensorCore
import Testing
import Tokenization

@Suite struct TokenizerTablesTests {
  private func read(_ bytes: [UInt8]) throws(TokenizerError) -> TokenizerTables {
    try TokenizerTables(deserializing: bytes.span)
  }

  /// Small tables with every field in use.
  private func sample(_ algorithm: TokenizerTables.Algorithm) -> TokenizerTables {
    var pieces = PieceTable()
    for (id, kind) in PieceTable.Kind.allCases.enumerated() {
      pieces.append("<p\(id)\u{2581}>".utf8, kind: kind, score: Float(id) - 2.5)
    }
    pieces.append([] as [UInt8], kind: .unused)
    return TokenizerTables(
      algorithm: algorithm, pieces: pieces, merges: [Merge(left: 0, right: 1), Merge(left: 5, right: 5)],
      addedTokens: [
        AddedToken(id: 2, content: "<s>", isSpecial: true),
        AddedToken(id: 3, content: "\u{e9}", isSpecial: false, stripsLeft: true, isNormalized: true),
        AddedToken(id: 4, content: "w", isSpecial: false, stripsRight: true, isSingleWord: true),
      ],
      prefixIDs: [2], suffixIDs: [3, 4], beginningID: 2, endIDs: [3])
  }

  private var samples: [TokenizerTables] {
    [
      sample(
        .byteLevelBPE(
          ByteLevelRules(
            splitPattern: .llama3, digitSplit: .contiguous, addsPrefixSpace: true, composes: true, ignoresMerges: true))
      ),
      sample(
        .sentencePiece(
          SentencePieceRules(
            search: .unigram, characterMap: [1, 2, 3], dummyPrefix: .firstSegment, removesExtraWhitespaces: true,
            escapesWhitespaces: false, hasByteFallback: true, unknownID: 1, unknownSurface: " \u{2047} ",
            leadingSpace: .removedUntilText))),
    ]
  }

  @Test func tablesSurviveSerialization() throws {
    for tables in samples {
      let bytes = tables.serialized()
      #expect(try read(bytes) == tables)
      #expect(try read(bytes).serialized() == bytes)
    }
    for name in ["models/novelist-dense", "models/novelist-moe", "tokenizers/unigram-nfkc", "tokenizers/llama3"] {
      let tables = try importedTokenizer(name).tables
      #expect(try read(tables.serialized()) == tables)
    }
  }

  /// The bytes of the smallest tables, spelled out: the format is a promise.
  @Test func layoutIsAsDocumented() {
    var pieces = PieceTable()
    pieces.append([0x61, 0xFF])
    let tables = TokenizerTables(
      algorithm: .byteLevelBPE(ByteLevelRules(splitPattern: .qwen2, composes: true)), pieces: pieces)
    #expect(
      tables.serialized() == [
        0x53, 0x57, 0x54, 0x4B, 1, 0, 0, 3, 0, 0, 1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        1, 0, 0, 0, 0, 2, 0, 0, 0, 0x61, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      ])
  }

  @Test func truncationAtEveryLengthIsRefused() {
    for tables in samples {
      let bytes = tables.serialized()
      for length in bytes.indices {
        #expect(throws: TokenizerError.self, "\(length) of \(bytes.count)") { try read(Array(bytes[..<length])) }
      }
      #expect(throws: TokenizerError.trailingBytes(at: bytes.count, count: 1)) { try read(bytes + [0]) }
    }
  }

  /// A changed byte is refused or gives other tables, which serialise to what was read.
  @Test func changedBytesNeverPassUnnoticed() {
    for (number, tables) in samples.enumerated() {
      let bytes = tables.serialized()
      var random = SplitMix64(seed: UInt64(number))
      for _ in 0..<5_000 {
        var changed = bytes
        let position = Int.random(in: 0..<bytes.count, using: &random)
        changed[position] ^= UInt8.random(in: 1...255, using: &random)
        if let read = try? read(changed) {
          #expect(read.serialized() == changed, "byte \(position)")
          _ = try? Tokenizer(read).encode("some text, 123 <s>")
        }
      }
    }
  }

  @Test func contradictionsAreRefused() {
    func expect(_ error: TokenizerError, _ change: (inout TokenizerTables) -> Void) {
      var tables = samples[1]
      change(&tables)
      #expect(throws: error) { try read(tables.serialized()) }
    }
    expect(.idOutOfRange(field: "beginning token", id: 7, vocabularyCount: 7)) { $0.beginningID = 7 }
    expect(.idOutOfRange(field: "end tokens", id: 99, vocabularyCount: 7)) { $0.endIDs = [1, 99] }
    expect(.idOutOfRange(field: "merges", id: 7, vocabularyCount: 7)) { $0.merges = [Merge(left: 0, right: 7)] }
    expect(.idOutOfRange(field: "added tokens", id: 8, vocabularyCount: 7)) { $0.addedTokens[0].id = 8 }
    expect(.emptyAddedToken(id: 2)) { $0.addedTokens[0].content = "" }
    expect(.scoreNotFinite(id: 7)) { $0.pieces.append([0x61], score: .nan) }
    expect(.notUTF8(field: "piece 7")) { $0.pieces.append([0x61, 0xFF]) }
    expect(.noPieces) { $0.pieces = PieceTable() }
  }

  @Test func valuesWithoutMeaningAreRefused() {
    let bytes = samples[0].serialized()
    func changed(_ position: Int, _ value: UInt8) -> [UInt8] {
      var changed = bytes
      changed[position] = value
      return changed
    }
    #expect(throws: TokenizerError.notTables(found: 0x4B54_5700)) { try read(changed(0, 0)) }
    #expect(throws: TokenizerError.unsupportedVersion(found: 2, supported: 1)) { try read(changed(4, 2)) }
    #expect(throws: TokenizerError.badCode(field: "algorithm", at: 6, found: 2)) { try read(changed(6, 2)) }
    #expect(throws: TokenizerError.badCode(field: "split pattern", at: 7, found: 9)) { try read(changed(7, 9)) }
    #expect(throws: TokenizerError.badCode(field: "composes", at: 10, found: 2)) { try read(changed(10, 2)) }
  }

  /// Counts are checked against the bytes that are left before room is made for anything.
  @Test func hugeCountsAreRefused() {
    let head = Array(samples[0].serialized()[..<12])
    #expect(throws: TokenizerError.truncated(at: 20, needed: 4 * 65_535, available: 0)) {
      try read(head + [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0])
    }
    #expect(throws: TokenizerError.countTooLarge(field: "end tokens", count: 0x7FFF_FFFF, limit: 65_536)) {
      try read(head + [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F])
    }
  }
}
