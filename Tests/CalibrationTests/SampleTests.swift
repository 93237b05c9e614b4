@testable import Calibration
import CheckpointImport
import Diagnostics
import Foundation
import ModelIR
import TestSupport
import Testing
import Tokenization

@Suite struct SampleTests {
  static let novelist = try? Checkpoint.open(path: Fixtures.path("models/novelist-dense")).model
  static let mixture = try? Checkpoint.open(path: Fixtures.path("models/novelist-moe")).model

  let folder = TemporaryFolder()

  private func file(_ name: String, _ content: String) throws -> String {
    let path = folder.path(name)
    try content.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  private func text(_ name: String, _ content: String, field: String? = nil) throws -> CalibrationText {
    try CalibrationText(path: file(name, content), field: field, for: #require(Self.novelist))
  }

  static let story = "The quick brown fox jumps over the lazy dog while seven wise owls watch from an old oak tree. "

  @Test func windowsAreDistinctAndApart() throws {
    let model = try #require(Self.mixture)
    let text = try CalibrationText(path: Fixtures.path("texts/calibration.txt"), for: model)
    let tables = try #require(model.companions.tokenizer)
    let sample = try CalibrationSample(of: text, sequenceCount: 128, length: 256, seed: 1, contextLength: 1_024)
    #expect(sample.sequences.count == 128 && sample.heldOut.count == 64)
    let prefix = tables.addsBeginningOfSequence ? 1 : 0
    #expect(text.beginningOfSequence == (prefix == 1 ? tables.beginningID : nil))
    let all = sample.sequences + sample.heldOut
    // Each window is where a grid over the text says, and no two are at one place.
    let length = 256 - prefix
    var places: Set<Int> = []
    var windows: [[Int]: Int] = [:]
    for place in 0..<text.ids.count / length {
      windows[Array(text.ids[place * length..<(place + 1) * length])] = place
    }
    for ids in all {
      #expect(ids.count == 256 && (prefix == 0 || ids[0] == tables.beginningID))
      places.insert(try #require(windows[Array(ids.dropFirst(prefix))]))
    }
    #expect(places.count == all.count)
    let held = Set(sample.heldOut.map { windows[Array($0.dropFirst(prefix))] ?? -1 })
    #expect(places.subtracting(held).max() ?? .max < held.min() ?? 0)
    #expect(held.max() == text.ids.count / length - 1)
  }

  @Test func theSeedDecides() throws {
    let text = try CalibrationText(path: Fixtures.path("texts/calibration.txt"), for: #require(Self.novelist))
    func sample(_ seed: UInt64) throws -> CalibrationSample {
      try CalibrationSample(of: text, sequenceCount: 20, length: 64, seed: seed, contextLength: 1_024)
    }
    #expect(try sample(3) == sample(3))
    #expect(try sample(3).sequences != sample(4).sequences && sample(3).heldOut == sample(4).heldOut)
  }

  @Test func tokensAreThoseOfTheModelsTokenizer() throws {
    let model = try #require(Self.novelist)
    let tokenizer = try Tokenizer(#require(model.companions.tokenizer))
    let story = String(repeating: Self.story, count: 3)
    let ids = tokenizer.encode(story)
    #expect(try text("a.txt", story).ids == ids)
    let line = #"{"id": 1, "body": "\#(story)"}"#
    let joined = ids + tokenizer.endIDs.prefix(1) + ids
    #expect(try text("a.json", line + "\n\n" + line + "\n", field: "body").ids == joined)
    #expect(try text("a.jsonl", line.replacing("body", with: "text")).ids == ids)
    let list = ids.map(String.init).joined(separator: ", ")
    #expect(try text("a.ids", list).ids == ids && text("a.ids", list).beginningOfSequence == nil)
    #expect(try CalibrationText(path: "@" + file("list", list + "\n"), for: model).ids == ids)
  }

  @Test func aShortTextSaysWhatWouldFit() throws {
    let text = try CalibrationText(
      ids: (0..<1_000).map { $0 % 50 }, name: "a", vocabularyCount: 100)
    func sample(_ count: Int, _ length: Int, judges: Bool = false) throws -> CalibrationSample {
      try CalibrationSample(
        of: text, sequenceCount: count, length: length, seed: 1, contextLength: 512, judgesCandidates: judges)
    }
    #expect(try sample(10, 100).heldOut.isEmpty)
    #expect(
      throws: CalibrationError.tooShort(
        path: "a", tokenCount: 1_000, needed: 1_100, windowTokenCount: 100, heldOutCount: 0, textCount: 1)
    ) { try sample(11, 100) }
    #expect(try sample(34, 20, judges: true).heldOut.count == 16)
    let error = CalibrationError.tooShort(
      path: "a", tokenCount: 1_000, needed: 1_020, windowTokenCount: 20, heldOutCount: 16, textCount: 1)
    #expect(throws: error) { try sample(35, 20, judges: true) }
    #expect(error.diagnosis.fix.contains("sequences=34") && error.diagnosis.status == .malformedInput)
    for length in [1, 513] {
      #expect(throws: CalibrationError.lengthOutOfRange(length: length, least: 2, contextLength: 512)) {
        try sample(1, length)
      }
    }
  }

  @Test func badTextsAreRefused() throws {
    #expect(throws: CalibrationError.empty(path: folder.path("a.txt"))) { try text("a.txt", "") }
    #expect(throws: CalibrationError.empty(path: folder.path("a.jsonl"))) { try text("a.jsonl", "\n \n") }
    try Data([0x61, 0xFF, 0x62]).write(to: URL(fileURLWithPath: folder.path("latin.txt")))
    #expect(throws: CalibrationError.notUTF8(path: folder.path("latin.txt"))) {
      try CalibrationText(path: folder.path("latin.txt"), for: #require(Self.novelist))
    }
    for content in [String(repeating: "the ", count: 3_000), "a b c"] {
      let error = #expect(throws: CalibrationError.self) { try text("a.txt", content) }
      guard case .monotonous? = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
    let path = folder.path("a.jsonl"), good = #"{"text": "\#(Self.story)"}"# + "\n"
    #expect(
      throws: CalibrationError.fieldMissing(path: path, line: 2, field: "text", nearest: "tekst", known: ["tekst"])
    ) { try text("a.jsonl", good + #"{"tekst": "a"}"#) }
    #expect(throws: CalibrationError.fieldNotText(path: path, line: 3, field: "text", kind: "an integer")) {
      try text("a.jsonl", good + "\n" + #"{"text": 3}"#)
    }
    #expect(throws: CalibrationError.lineMalformed(path: path, line: 1, reason: "it is an array")) {
      try text("a.jsonl", "[1]")
    }
    #expect(throws: CalibrationError.self) { try text("a.jsonl", good + "{") }
    #expect(throws: CalibrationError.notAnID(path: folder.path("a.ids"), text: "x", number: 3)) {
      try text("a.ids", "1 2,x")
    }
    #expect(
      throws: CalibrationError.tokenOutOfRange(path: folder.path("a.ids"), id: 4_096, number: 2, vocabularyCount: 4_096)
    ) { try text("a.ids", "1 4096") }
    let tiny = try Checkpoint.open(path: Fixtures.path("tiny/llama")).model
    let story = try file("b.txt", Self.story)
    #expect(throws: CalibrationError.noTokenizer(path: story)) { try CalibrationText(path: story, for: tiny) }
  }
}
