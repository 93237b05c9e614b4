import ByteIO
import Testing

@testable import PackFormat

/// The rules of docs/format.md §7 for header, footer, table and sections: each broken alone, checksums made to fit.
///
/// Sections of the sample: 0 manifest, 1 graph, 2 tokenizer, 3 chat template, 4 … 9 parameters, 10 provenance,
/// 11 accuracy.
@Suite struct ContainerRuleTests {
  let pack: [UInt8]
  let forge: PackForge

  init() throws {
    pack = try SamplePack().bytes()
    forge = try PackForge(pack)
  }

  private func rule(_ change: (inout PackForge) -> Void) -> PackFormatError? {
    var forge = forge
    change(&forge)
    return brokenRule(forge.bytes)
  }

  @Test func theDocumentAloneIsEnoughToMakeAPack() {
    #expect(forge.bytes == pack)
    #expect(forge.sections.map(\.kind) == [1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 6, 7])
  }

  @Test func header() {
    #expect(brokenRule(Array(String(repeating: "a text file that is long enough ", count: 8).utf8)) == .notAPack)
    #expect(brokenRule([]) == .notAPack)
    #expect(brokenRule(Array(pack[..<63])) == .tooShort(byteCount: 63))
    #expect(brokenRule(Array(pack[..<64])) == .tooShort(byteCount: 64))
    #expect(rule { $0.version = 2 } == .newerVersion(found: 2, supported: 1))
    #expect(rule { $0.version = .max } == .newerVersion(found: .max, supported: 1))
    #expect(rule { $0.version = 0 } == .unknownVersion(found: 0))
    // A newer version is named even where the rest of the header follows other rules.
    var newer = pack
    newer[8] = 2
    #expect(brokenRule(newer) == .newerVersion(found: 2, supported: 1))
    var damaged = pack
    damaged[60] ^= 1
    #expect(brokenRule(damaged) == .headerChecksum)
    for index in 0..<44 {
      #expect(rule { $0.headerReserved[index] = 3 } == .reservedNotZero(at: 12 + index, found: 3))
    }
  }

  @Test func newerVersionsAreUnsupportedAndNotMalformed() {
    #expect(PackFormatError.newerVersion(found: 2, supported: 1).diagnosis.status == .unsupported)
  }

  @Test func footer() {
    let footer = pack.count - 64
    #expect(brokenRule(Array(pack[..<(pack.count - 1)])) == .truncated(byteCount: pack.count - 1))
    var damaged = pack
    damaged[footer + 3] ^= 1
    #expect(brokenRule(damaged) == .footerChecksum)
    #expect(rule { $0.fileByteCount = 7 } == .fileLength(declared: 7, found: pack.count))
    #expect(rule { $0.fileByteCount = .max } == .numberTooLarge(at: footer + 24, found: .max))
    for index in 0..<16 {
      #expect(rule { $0.footerReserved[index] = 9 } == .reservedNotZero(at: footer + 32 + index, found: 9))
    }
  }

  @Test func placeOfTheTable() {
    let byteCount = forge.sections.count * 48
    let table = pack.count - 64 - (byteCount + 63) / 64 * 64
    for offset in [0, 63, 64, table - 64, table - 1, table + 1, table + 64, pack.count, 1 << 62] {
      #expect(rule { $0.tableOffset = UInt64(offset) } == .tablePlace(offset: offset, byteCount: byteCount))
    }
    for count in [0, 1, byteCount - 1, byteCount - 96, byteCount + 48, Int.max / 48 * 48, Int.max] {
      #expect(rule { $0.tableByteCount = UInt64(count) } == .tablePlace(offset: table, byteCount: count))
    }
    #expect(rule { $0.tableOffset = .max } == .numberTooLarge(at: pack.count - 64, found: .max))
    #expect(rule { $0.sections.removeLast(10) } == .sectionCount(2))
    var damaged = pack
    damaged[table + 40] ^= 1
    #expect(brokenRule(damaged) == .tableChecksum)
    #expect(
      rule { $0.beforeTable = [UInt8](repeating: 0, count: 64) }
        == .sectionGap(12, expected: table, found: table + 64))
  }

  @Test func paddingAfterTheTable() throws {
    // 13 sections make a table that ends short of a multiple of 64.
    var forge = forge
    forge.sections.insert(forge.sections[4], at: 4)
    var bytes = forge.bytes
    bytes[bytes.count - 65] = 1
    #expect(brokenRule(bytes) == .paddingNotZero(at: bytes.count - 65))
  }

  @Test func paddingAfterASection() {
    for index in [0, 1, 2, 3, 4, 9, 11] {
      let end = forge.offset(of: index) + forge.sections[index].stored.count
      guard end % 64 != 0 else { continue }
      var damaged = pack
      damaged[end] = 1
      #expect(brokenRule(damaged) == .paddingNotZero(at: end))
    }
  }

  @Test func paddingInsideASection() throws {
    let reader = try openWhole(pack)
    let first = reader.parameters[0].placement, second = reader.parameters[1].placement
    #expect(first.section == 4 && second.section == 4 && first.end < second.offset)
    let place = forge.offset(of: 4) + first.end
    #expect(rule { $0.sections[4].stored[first.end] = 1 } == .paddingNotZero(at: place))
  }

  @Test func kindsAndTheirOrder() {
    #expect(rule { $0.sections[2].kind = 0 } == .sectionKind(2, found: 0))
    #expect(rule { $0.sections[2].kind = 8 } == .sectionKind(2, found: 8))
    #expect(rule { $0.sections.swapAt(1, 2) } == .sectionOrder(2, .graph, after: .tokenizer))
    #expect(rule { $0.sections[2] = $0.sections[1] } == .sectionDuplicate(2, .graph))
    #expect(rule { $0.sections.append($0.sections[11]) } == .sectionDuplicate(12, .accuracy))
    #expect(rule { $0.sections.remove(at: 0) } == .sectionMissing(.manifest))
    #expect(rule { $0.sections.remove(at: 1) } == .sectionMissing(.graph))
    #expect(rule { $0.sections.remove(at: 10) } == .sectionMissing(.provenance))
  }

  @Test func fieldsOfAnEntry() {
    #expect(rule { $0.sections[5].compression = 1 } == .sectionCompression(5, .parameters, found: 1))
    #expect(rule { $0.sections[11].compression = 1 } == .sectionCompression(11, .accuracy, found: 1))
    #expect(rule { $0.sections[1].compression = 2 } == .sectionCompression(1, .graph, found: 2))
    #expect(rule { $0.sections[1].alignment = 4_096 } == .sectionAlignment(1, .graph, found: 4_096))
    for alignment: UInt32 in [0, 1, 32, 128, 8_192, 65_536] {
      #expect(rule { $0.sections[5].alignment = alignment } == .sectionAlignment(5, .parameters, found: alignment))
    }
    let table = pack.count - 64 - forge.sections.count * 48
    #expect(rule { $0.sections[6].reserved = 1 << 16 } == .reservedNotZero(at: table + 6 * 48 + 14, found: 1))
    #expect(rule { $0.sections[6].offset = 1 << 63 } == .numberTooLarge(at: table + 6 * 48 + 16, found: 1 << 63))
  }

  @Test func placesOfSections() {
    let offset = forge.offset(of: 6), byteCount = forge.sections[6].stored.count
    let end = forge.offset(of: 5) + forge.sections[5].stored.count
    #expect(
      rule { $0.sections[6].offset = UInt64(offset + 1) }
        == .sectionMisaligned(6, offset: offset + 1, alignment: 64))
    #expect(
      rule { $0.sections[6].offset = UInt64(offset - 64) }
        == .sectionOverlap(6, offset: offset - 64, end: end))
    #expect(rule { $0.sections[0].offset = 0 } == .sectionOverlap(0, offset: 0, end: 64))
    #expect(
      rule { $0.sections[6].offset = UInt64(offset + 64) }
        == .sectionGap(6, expected: offset, found: offset + 64))
    for far in [1 << 20, Int.max / 64 * 64] {
      #expect(
        rule { $0.sections[6].offset = UInt64(far) }
          == .sectionOutside(6, offset: far, byteCount: byteCount))
    }
  }

  /// Nothing is allocated for lengths that no file has.
  @Test func lengthsOfSections() {
    let offset = forge.offset(of: 6), byteCount = forge.sections[6].stored.count
    #expect(
      rule { $0.sections[6].rawByteCount = 1 }
        == .sectionLength(6, .parameters, stored: byteCount, raw: 1))
    for huge in [pack.count, 1 << 40, Int.max] {
      let change: (inout PackForge) -> Void = {
        $0.sections[6].storedByteCount = UInt64(huge)
        $0.sections[6].rawByteCount = UInt64(huge)
      }
      #expect(rule(change) == .sectionOutside(6, offset: offset, byteCount: huge))
    }
    let stored = forge.sections[1].stored.count
    #expect(
      rule { $0.sections[1].rawByteCount = UInt64(stored) }
        == .sectionLength(1, .graph, stored: stored, raw: stored))
    #expect(
      rule { $0.sections[1].rawByteCount = 1 << 40 }
        == .sectionTooLong(1, .graph, byteCount: 1 << 40, limit: 64 << 20))
    for kind: UInt32 in [2, 3, 4, 7] {
      let index = forge.sections.firstIndex { $0.kind == kind } ?? 0
      #expect(rule { $0.replace(kind: kind, by: []) } == .sectionEmpty(index, SectionKind(rawValue: kind) ?? .manifest))
    }
  }

  @Test func compressedContent() {
    let graph = forge.sections[1]
    #expect(graph.compression == 1)
    // A declared length within all limits that these few bytes cannot yield.
    #expect(
      rule { $0.sections[1].rawByteCount = 64 << 20 }
        == .sectionDecompression(
          1, .graph, .frameWrongByteCount(expected: 64 << 20, found: graph.rawByteCount)))
    #expect(
      rule { $0.sections[1].stored.append(0) }
        == .sectionDecompression(1, .graph, .frameTrailingBytes(byteCount: 1)))
    let damaged = rule { $0.sections[1].stored[0] ^= 1 }
    guard case .sectionDecompression(1, .graph, .frameMalformed) = damaged else {
      Issue.record("\(String(describing: damaged))")
      return
    }
  }

  @Test func checksumsOfSections() {
    for index in forge.sections.indices {
      var damaged = pack
      damaged[forge.offset(of: index)] ^= 0x40
      let kind = SectionKind(rawValue: forge.sections[index].kind) ?? .manifest
      #expect(brokenRule(damaged) == .sectionChecksum(index, kind))
    }
  }

  @Test func textsThatAreNotUTF8() {
    #expect(rule { $0.replace(kind: 2, by: [0x61, 0xFF]) } == .textNotUTF8(.graph))
    #expect(rule { $0.replace(kind: 4, by: [0xC0, 0x80]) } == .textNotUTF8(.chatTemplate))
  }

  @Test func digests() {
    #expect(rule { $0.replace(kind: 6, by: []) } == .provenanceLength(found: 0, sourceCount: 2))
    #expect(
      rule {
        $0.sections[10].stored.append(0); $0.sections[10].rawByteCount += 1
      }
        == .provenanceLength(found: 65, sourceCount: 2))
  }
}
