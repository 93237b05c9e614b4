import ByteIO
import TensorCore
import Testing

@testable import PackFormat

/// Sections that are read into memory of their own.
@Suite struct SectionLoadTests {
  /// Bytes of which one place cannot be read.
  private struct BadDisk: ReadableBytes {
    let bytes: InMemoryBytes
    let badPlace: Int

    var byteCount: Int { bytes.byteCount }

    func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
      try bytes.withBytes(range, body)
    }

    func read(at offset: Int, into span: inout MutableSpan<UInt8>) throws(ByteIOError) {
      guard !(offset..<offset + span.count).contains(badPlace) else {
        throw .readFailed(path: "a.swage", errorNumber: 5)
      }
      try bytes.read(at: offset, into: &span)
    }
  }

  /// Experts of 16.5 KiB each, aligned to pages, among other sections.
  private let pack: [UInt8]

  init() throws { pack = try SamplePack(expertWidth: 700).bytes() }

  @Test func valuesAreTheMappedOnes() throws {
    let reader = try openWhole(pack)
    for item in reader.parameters {
      let section = try reader.load(section: item.placement.section)
      let loaded = section.bytes(of: item).withBytes { [UInt8](copying: $0) }
      #expect(try loaded == reader.bytes(of: item).withBytes { [UInt8](copying: $0) })
    }
  }

  @Test func memoryIsThatOfTheSectionAndItsPadding() throws {
    let reader = try openWhole(pack)
    for (index, section) in reader.sections.enumerated() where section.kind == .parameters {
      let next = reader.sections[index + 1].offset
      #expect(reader.memoryByteCount(ofSection: index) == (next - section.offset + 4_095) / 4_096 * 4_096)
    }
  }

  @Test func everyLoadIsChecked() throws {
    let sound = try openWhole(pack)
    for (index, section) in sound.sections.enumerated() where section.kind == .parameters {
      var damaged = pack
      damaged[section.range.upperBound - 1] ^= 4
      let reader = try PackReader(InMemoryBytes(damaged), path: "a.swage")
      let expected = PackFileError(path: "a.swage", fact: .sectionChecksum(index, .parameters))
      for _ in 0..<2 { #expect(throws: expected) { try reader.load(section: index) } }
    }
  }

  @Test func paddingIsCheckedAtItsPlace() throws {
    let sound = try openWhole(pack)
    let index = try #require(sound.sections.lastIndex { $0.alignment == 4_096 })
    // Behind the expert before the last one comes padding up to the page of the last one.
    let place = sound.sections[index].offset - 1
    var damaged = pack
    damaged[place] = 1
    let reader = try PackReader(InMemoryBytes(damaged), path: "a.swage")
    let error = #expect(throws: PackFileError.self) { try reader.load(section: index - 1) }
    #expect(error?.fact == .paddingNotZero(at: place))
    _ = try reader.load(section: index)
  }

  @Test func aDiskThatFailsIsAnErrorWithThePlace() throws {
    let sound = try openWhole(pack)
    let index = try #require(sound.sections.lastIndex { $0.alignment == 4_096 })
    let place = sound.sections[index].offset + 100
    let reader = try PackReader(BadDisk(bytes: InMemoryBytes(pack), badPlace: place), path: "a.swage")
    let error = #expect(throws: PackFileError.self) { try reader.load(section: index) }
    #expect(error?.fact == .sectionUnreadable(index, .parameters, .readFailed(path: "a.swage", errorNumber: 5)))
    #expect(error?.diagnosis.status == .ioFailure && error?.diagnosis.code == "pack.section-unreadable")
    #expect(error?.diagnosis.place == "a.swage, section \(index) (parameters)")
    _ = try reader.load(section: index - 1)
  }
}
