import Testing

@testable import ForeignFormats

@Suite struct SentencePieceModelTests {
  private func parse(_ bytes: [UInt8]) throws(SentencePieceError) -> SentencePieceModel {
    try SentencePieceModel.parse(bytes.span, source: "m")
  }

  @Test func factsOfTheNovelistsModel() throws {
    let model = try parse(required(fixtureBytes("models/novelist-moe/tokenizer.model")))
    #expect(model.pieces.count == 4_096)
    #expect(model.pieces[0] == .init(text: "<unk>", score: 0, kind: .unknown))
    #expect(model.pieces[258] == .init(text: "<0xFF>", score: 0, kind: .byte))
    #expect(model.pieces[265] == .init(text: "\u{2581}the", score: -6, kind: .normal))
    #expect(model.algorithm == .bpe)
    #expect(model.hasByteFallback && model.addsDummyPrefix && model.escapesWhitespaces)
    #expect(!model.removesExtraWhitespaces && !model.treatsWhitespaceAsSuffix)
    #expect(model.normalizationName == "identity" && model.precompiledCharacterMap.isEmpty)
    #expect([model.unknownID, model.beginningID, model.endID, model.paddingID] == [0, 1, 2, -1])
    #expect(model.unknownSurface == " \u{2047} ")
  }

  /// A field: tag and payload.
  private func field(_ number: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [number << 3 | 2, UInt8(payload.count)] + payload
  }

  @Test func defaultsAreThoseOfTheFormat() throws {
    let model = try parse(field(1, field(1, Array("a\0b".utf8))))
    #expect(model.pieces == [.init(text: "a\0b", score: 0, kind: .normal)])
    #expect(model.algorithm == .unigram && !model.hasByteFallback)
    #expect(model.addsDummyPrefix && model.removesExtraWhitespaces && model.escapesWhitespaces)
    #expect([model.unknownID, model.beginningID, model.endID, model.paddingID] == [0, 1, 2, -1])
  }

  @Test func unknownFieldsAreSkipped() throws {
    let extra: [UInt8] = field(15, [1, 2, 3]) + [0x28, 0xFF, 0x01] + [0xC1, 0x3E] + [UInt8](repeating: 7, count: 8)
    let model = try parse(extra + field(1, field(1, [0x61]) + extra) + extra)
    #expect(model.pieces.map(\.text) == ["a"])
  }

  @Test func damagedModelsAreRefused() throws {
    #expect(throws: SentencePieceError.noPieces(source: "m")) { try parse([]) }
    #expect(throws: SentencePieceError.malformed(source: "m")) { try parse(Array("version https://git-lfs".utf8)) }
    #expect(throws: SentencePieceError.notUTF8(source: "m", field: "piece 1")) {
      try parse(field(1, field(1, [0x61])) + field(1, field(1, [0xFF])))
    }
    #expect(throws: SentencePieceError.unknownPieceKind(source: "m", piece: 0, kind: 9)) {
      try parse(field(1, field(1, [0x61]) + [0x18, 9]))
    }
    #expect(throws: SentencePieceError.unknownAlgorithm(source: "m", code: 8)) {
      try parse(field(1, field(1, [0x61])) + field(2, [0x18, 8]))
    }
    let many = [[UInt8]](repeating: [0x0A, 0], count: SentencePieceModel.pieceCountLimit + 1)
    #expect(throws: SentencePieceError.tooManyPieces(source: "m", limit: SentencePieceModel.pieceCountLimit)) {
      try parse(many.flatMap { $0 })
    }
  }

  /// A file cut inside a field is refused; cut between two pieces it is a shorter vocabulary, or none.
  @Test func truncationIsNoticedOrHarmless() throws {
    let bytes = try required(fixtureBytes("models/novelist-moe/tokenizer.model"))
    let whole = try parse(bytes)
    var refusedCount = 0
    for length in 0..<bytes.count where length % 41 == 0 || length > bytes.count - 300 {
      do {
        let cut = try parse(Array(bytes[..<length]))
        #expect(cut.pieces == Array(whole.pieces[..<cut.pieces.count]))
      } catch {
        refusedCount += 1
      }
    }
    #expect(refusedCount > 1_500)
  }
}
