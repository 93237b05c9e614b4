import Testing

@testable import PackFormat

@Suite struct AccuracyRuleTests {
  let forge: PackForge
  /// One record of 136 + 8 bytes.
  let record: [UInt8]

  init() throws {
    forge = try PackForge(SamplePack().bytes())
    record = forge.sections[11].stored
  }

  private func rule(_ section: [UInt8]) -> PackFormatError? {
    var forge = forge
    forge.replace(kind: 7, by: section)
    return brokenRule(forge.bytes)
  }

  private func rule(at offset: Int, _ bytes: [UInt8]) -> PackFormatError? {
    var changed = record
    changed.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    return rule(changed)
  }

  @Test func fieldsAreWhereTheDocumentSays() {
    let expected = SamplePack.accuracyRecord
    #expect(record.count == 144)
    #expect(PackForge.u64(record, 0) == 4_096 && PackForge.u64(record, 8) == 256)
    let figures = stride(from: 16, to: 96, by: 8).map { Double(bitPattern: PackForge.u64(record, $0)) }
    #expect(figures == [7.5, 7.75, 1.03, 1.02, 1.04, 0.02, 0.4, 0.01, 0.03, 0.93])
    #expect(Array(record[96..<128]) == expected.textDigest.bytes)
    #expect(PackForge.u32(record, 128) == 8 && Array(record[136...]) == Array("eval.txt".utf8))
  }

  @Test func wholeRecordsOnly() {
    #expect(rule(record + record) == nil)
    for count in [1, 135, 136, 143] { #expect(rule(Array(record[..<count])) == .accuracyMalformed) }
    #expect(rule(record + [0]) == .accuracyMalformed)
    #expect(rule(Array(repeatElement(record, count: 64).joined())) == nil)
    #expect(rule(Array(repeatElement(record, count: 65).joined())) == .accuracyMalformed)
    #expect(rule(at: 128, PackForge.little(UInt32(9))) == .accuracyMalformed)
    #expect(rule(at: 128, PackForge.little(UInt32.max)) == .accuracyMalformed)
  }

  @Test func reservedAndPadding() {
    let place = forge.offset(of: 11)
    #expect(rule(at: 132, [1]) == .reservedNotZero(at: place + 132, found: 1))
    #expect(rule(at: 128, PackForge.little(UInt32(7))) == .reservedNotZero(at: place + 143, found: 0x74))
  }

  @Test func figures() {
    #expect(rule(at: 0, PackForge.little(UInt64(0))) == .accuracyValue(field: "token count", found: "0"))
    #expect(rule(at: 8, PackForge.little(UInt64(1))) == .accuracyValue(field: "window", found: "1"))
    for offset in stride(from: 16, to: 96, by: 8) {
      for figure in [Double.nan, .infinity, -.infinity] {
        guard case .accuracyValue = rule(at: offset, PackForge.little(figure.bitPattern)) else {
          Issue.record("\(figure) at \(offset)")
          continue
        }
      }
    }
    for offset in stride(from: 16, to: 56, by: 8) { #expect(rule(at: offset, PackForge.little(UInt64(0))) != nil) }
    for figure in [-0.01, 1.01] {
      #expect(
        rule(at: 88, PackForge.little(figure.bitPattern))
          == .accuracyValue(field: "top-1 agreement", found: "\(figure)"))
    }
  }

  @Test func names() {
    #expect(rule(at: 136, Array("dir/text".utf8)) == .accuracyValue(field: "text name", found: "dir/text"))
    #expect(rule(at: 136, Array("eval\ntxt".utf8)) == .accuracyValue(field: "text name", found: "eval\ntxt"))
    #expect(rule(at: 136, [0xFF]) == .accuracyValue(field: "text name", found: "bytes that are not UTF-8"))
    #expect(
      rule(Array(record[..<128]) + [UInt8](repeating: 0, count: 8))
        == .accuracyValue(field: "text name", found: ""))
  }
}
