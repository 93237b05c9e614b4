import ByteIO
import Diagnostics
import Foundation
import TestSupport
import Testing

@testable import PackFormat

/// docs/format.md §7 and the code name the same rules.
@Suite struct FormatDocumentTests {
  /// One of each case but `sectionUnreadable` and `file`, in the order of the document's table.
  static let oneOfEach: [PackFormatError] = [
    .notAPack, .newerVersion(found: 2, supported: 1), .unknownVersion(found: 0), .tooShort(byteCount: 1),
    .headerChecksum, .truncated(byteCount: 1), .footerChecksum, .fileLength(declared: 1, found: 2),
    .reservedNotZero(at: 1, found: 1), .numberTooLarge(at: 1, found: 1), .tablePlace(offset: 1, byteCount: 1),
    .sectionCount(1), .tableChecksum, .paddingNotZero(at: 1), .sectionKind(1, found: 9),
    .sectionOrder(1, .manifest, after: .graph), .sectionDuplicate(1, .graph), .sectionMissing(.graph),
    .sectionCompression(1, .graph, found: 2), .sectionAlignment(1, .graph, found: 1),
    .sectionMisaligned(1, offset: 1, alignment: 64), .sectionOverlap(1, offset: 1, end: 2),
    .sectionGap(1, expected: 1, found: 2), .sectionOutside(1, offset: 1, byteCount: 1),
    .sectionLength(1, .graph, stored: 1, raw: 1), .sectionTooLong(1, .graph, byteCount: 1, limit: 1),
    .sectionEmpty(1, .graph), .sectionChecksum(1, .graph), .sectionDecompression(1, .graph, .frameWithoutChecksum),
    .textNotUTF8(.graph), .manifestMalformed, .manifestTooLarge(limit: 1), .manifestUnknownField,
    .manifestNotCanonical, .manifestValue(field: "f", found: "1", allowed: "2"), .parameterDuplicate("p"),
    .sourceDuplicate("s"), .taskDuplicate("t"), .parameterEncoding("p", found: "x"),
    .parameterShape("p", dimensions: [1], encoding: "dense(f32)"),
    .parameterByteCount("p", declared: 1, expected: 2), .parameterSection("p", section: 1),
    .parameterPlace("p", section: 1, offset: 1), .sectionUnused(1, from: 1),
    .provenanceLength(found: 1, sourceCount: 1), .accuracyMalformed, .accuracyValue(field: "f", found: "1"),
  ]

  @Test func theDocumentListsEveryRule() throws {
    let document = try String(contentsOfFile: Fixtures.repository + "/docs/format.md", encoding: .utf8)
    let listed = document.split(separator: "\n").filter { $0.hasPrefix("| `pack.") }
      .compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) }
    #expect(listed == Self.oneOfEach.map(\.diagnosis.code))
    #expect(Set(listed).count == listed.count)
  }

  @Test func everyRuleSaysWhereWhyAndWhatToDo() {
    for fact in Self.oneOfEach {
      let diagnosis = PackFileError(path: "dir/a.swage", fact: fact).diagnosis
      #expect(diagnosis.place.hasPrefix("dir/a.swage, "))
      #expect(!diagnosis.what.isEmpty && !diagnosis.why.isEmpty && !diagnosis.fix.isEmpty)
      var isNewer = false
      if case .newerVersion = fact { isNewer = true }
      #expect(diagnosis.status == (isNewer ? .unsupported : .malformedInput))
    }
  }
}
