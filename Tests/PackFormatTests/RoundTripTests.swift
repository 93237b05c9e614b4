import ByteIO
import Encodings
import TensorCore
import TestSupport
import Testing

@testable import PackFormat

@Suite struct RoundTripTests {
  let folder = TemporaryFolder()

  @Test(arguments: [
    SamplePack(), SamplePack(tokenizer: nil, template: nil), SamplePack(tokenizer: nil), SamplePack(expertWidth: 1_500),
    SamplePack.composites, SamplePack.withTasks,
  ])
  func whatGoesInComesOut(sample: SamplePack) throws {
    try sample.write(to: folder.path("a.swage"))
    let reader = try PackReader(path: folder.path("a.swage"))
    try reader.verifyAll()
    #expect(try PackSnapshot(reader) == PackSnapshot(sample))
    #expect(reader.byteCount == (try PackLayout(sample.contents)).byteCount(accuracyTextNames: ["eval.txt"]))
  }

  @Test func predictionIsExactForDraftAndMeasuredPack() throws {
    for length in [1, 7, 8, 9, 255] {
      var sample = SamplePack()
      let layout = try PackLayout(sample.contents)
      sample.accuracy = []
      #expect(try sample.bytes().count == layout.byteCount())
      var record = SamplePack.accuracyRecord
      record.textName = String(repeating: "x", count: length)
      sample.accuracy = [record, SamplePack.accuracyRecord]
      #expect(try sample.bytes().count == layout.byteCount(accuracyTextNames: [record.textName, "eval.txt"]))
    }
  }

  @Test func sameInputsGiveSameBytes() throws {
    #expect(try SamplePack().bytes() == SamplePack().bytes())
  }

  @Test func aParameterIsFoundByNameAndReadInPlace() throws {
    let sample = SamplePack()
    let reader = try openWhole(sample.bytes())
    let index = try #require(sample.contents.manifest.parameters.firstIndex { $0.name == "layers.0.mlp.experts.1.up" })
    let found = try #require(reader.parameter(named: "layers.0.mlp.experts.1.up"))
    #expect(found.parameter == sample.contents.manifest.parameters[index])
    let slice = try reader.bytes(of: found)
    #expect(slice.withBytes { [UInt8](copying: $0) } == sample.payloads[index])
    #expect(slice.range.lowerBound % 64 == 0)
    #expect(reader.parameter(named: "layers.0.mlp.experts.2.up") == nil)
  }

  @Test func manifestWithoutOptionalFieldsSurvives() throws {
    var sample = SamplePack()
    sample.contents.manifest.beginningID = nil
    sample.contents.manifest.endIDs = []
    sample.contents.manifest.generation = GenerationDefaults()
    sample.contents.manifest.passList = ""
    sample.contents.manifest.sources = []
    sample.digests = []
    sample.accuracy = []
    #expect(try PackSnapshot(openWhole(sample.bytes())) == PackSnapshot(sample))
  }

  @Test func everyGenerationDefaultSurvives() throws {
    var sample = SamplePack()
    sample.contents.manifest.generation = GenerationDefaults(
      temperature: 0, topK: 1, topP: 1, minP: 0.05, repetitionPenalty: 1.1, samples: false)
    #expect(try openWhole(sample.bytes()).manifest.generation == sample.contents.manifest.generation)
  }

  @Test func aDraftIsAWholePackAndGetsItsAccuracyLater() throws {
    let sample = SamplePack()
    let writer = try PackWriter(PackLayout(sample.contents), to: AtomicFileWriter(path: folder.path("a.swage")))
    for payload in sample.payloads { try writer.append(InMemoryBytes(payload)) }
    try writer.finishDraft(sourceDigests: sample.digests)
    do {
      let draft = try PackReader(writer.mapped(), path: "the draft")
      try draft.verifyAll()
      var unmeasured = sample
      unmeasured.accuracy = []
      #expect(try PackSnapshot(draft) == PackSnapshot(unmeasured))
    }
    #expect(!FileSystem.exists(folder.path("a.swage")))
    try writer.record(sample.accuracy)
    try writer.commit()
    #expect(try PackSnapshot(PackReader(path: folder.path("a.swage"))) == PackSnapshot(sample))
    #expect(try sample.bytes() == FileSystem.readSmallFile(folder.path("a.swage"), limit: 1 << 20))
  }

  @Test func recordsNoReaderWouldTakeAreNotWritten() throws {
    let sample = SamplePack()
    let writer = try PackWriter(PackLayout(sample.contents), to: AtomicFileWriter(path: folder.path("a.swage")))
    for payload in sample.payloads { try writer.append(InMemoryBytes(payload)) }
    try writer.finishDraft(sourceDigests: sample.digests)
    var record = SamplePack.accuracyRecord
    record.compiledPerplexity = .infinity
    #expect(throws: PackFormatError.accuracyValue(field: "compiled perplexity", found: "inf")) {
      try writer.record([record])
    }
    try writer.commit()
    #expect(try PackReader(path: folder.path("a.swage")).accuracy == [])
  }

  @Test func aWriterThatIsDroppedLeavesNothing() throws {
    do {
      let writer = try PackWriter(PackLayout(SamplePack().contents), to: AtomicFileWriter(path: folder.path("a.swage")))
      try writer.append(InMemoryBytes(SamplePack().payloads[0]))
    }
    #expect(try FileSystem.listDirectory(folder.path) == [])
  }

  @Test func textIsCompressedOnlyWhereThatPays() throws {
    var sample = SamplePack()
    sample.contents.tokenizer = (0..<255).map { UInt8($0) }
    let sections = try openWhole(sample.bytes()).sections
    #expect(sections[1].kind == .graph && sections[1].compression == .lz4)
    #expect(sections[1].storedByteCount < sections[1].rawByteCount)
    #expect(sections[2].kind == .tokenizer && sections[2].compression == .none)
    #expect(sections.allSatisfy { $0.kind.rawValue <= 4 || $0.compression == .none })
  }

  @Test func aMissingFileHasItsOwnError() {
    let error = #expect(throws: PackFileError.self) { try PackReader(path: folder.path("none.swage")) }
    #expect(error?.fact == .file(.notFound(path: folder.path("none.swage"))))
    #expect(error?.diagnosis.status == .missingInput)
  }
}
