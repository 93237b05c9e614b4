import ByteIO

/// The section table (docs/format.md §2.2).
struct SectionTable: Equatable {
  private(set) var sections: [PackSection] = []
  /// Where the table begins in the file.
  let offset: Int

  static let countRange = 3...1_048_576

  /// The table of sections that are laid out already; it follows the last of them.
  init(_ sections: [PackSection]) {
    self.sections = sections
    offset = aligned(sections.last?.range.upperBound ?? FileHeader.byteCount, to: PackSection.smallAlignment)
  }

  var byteCount: Int { sections.count * PackSection.entryByteCount }

  /// Bytes of the whole file that ends with this table.
  var fileByteCount: Int {
    aligned(offset + byteCount, to: PackSection.smallAlignment) + FileFooter.byteCount
  }

  /// Table, padding and footer: all that follows the sections.
  var bytesWithFooter: [UInt8] {
    var bytes: [UInt8] = []
    for section in sections { section.append(to: &bytes) }
    let checksum = Checksum.xxh3(bytes.span)
    bytes.appendZeros(upToMultipleOf: PackSection.smallAlignment)
    let footer = FileFooter(
      tableOffset: offset, tableByteCount: byteCount, tableChecksum: checksum, fileByteCount: fileByteCount)
    return bytes + footer.bytes
  }

  /// Where the table lies, from the footer alone.
  static func range(_ footer: FileFooter) throws(PackFormatError) -> Range<Int> {
    let available = footer.fileByteCount - FileFooter.byteCount - FileHeader.byteCount
    guard footer.tableOffset >= FileHeader.byteCount, footer.tableOffset % PackSection.smallAlignment == 0,
      footer.tableByteCount <= available, footer.tableByteCount % PackSection.entryByteCount == 0,
      footer.tableOffset <= footer.fileByteCount,
      aligned(footer.tableOffset + footer.tableByteCount, to: PackSection.smallAlignment)
        == footer.fileByteCount - FileFooter.byteCount
    else { throw .tablePlace(offset: footer.tableOffset, byteCount: footer.tableByteCount) }
    let count = footer.tableByteCount / PackSection.entryByteCount
    guard countRange.contains(count) else { throw .sectionCount(count) }
    return footer.tableOffset..<footer.tableOffset + footer.tableByteCount
  }

  /// Reads a table that lies at `footer.tableOffset` and checks every entry.
  init(_ table: Span<UInt8>, footer: FileFooter) throws(PackFormatError) {
    guard Checksum.xxh3(table) == footer.tableChecksum else { throw .tableChecksum }
    offset = footer.tableOffset
    sections.reserveCapacity(table.count / PackSection.entryByteCount)
    var fields = FieldReader(table, at: offset)
    while fields.remainingByteCount > 0 {
      let section = try PackSection(&fields, in: table, index: sections.count)
      try checkOrder(of: section)
      try checkPlace(of: section)
      sections.append(section)
    }
    for kind in SectionKind.allCases where kind.mustOccur && !sections.contains(where: { $0.kind == kind }) {
      throw .sectionMissing(kind)
    }
    let end = sections.last?.range.upperBound ?? FileHeader.byteCount
    guard aligned(end, to: PackSection.smallAlignment) == offset else {
      throw .sectionGap(sections.count, expected: aligned(end, to: PackSection.smallAlignment), found: offset)
    }
  }

  /// The padding after section `index`, up to the next section or the table.
  func padding(after index: Int) -> Range<Int> {
    let end = index + 1 < sections.count ? sections[index + 1].offset : offset
    return sections[index].range.upperBound..<end
  }

  private func checkOrder(of section: PackSection) throws(PackFormatError) {
    guard let previous = sections.last?.kind else { return }
    if section.kind.rawValue < previous.rawValue {
      throw .sectionOrder(sections.count, section.kind, after: previous)
    }
    if section.kind == previous, !section.kind.mayRepeat { throw .sectionDuplicate(sections.count, section.kind) }
  }

  private func checkPlace(of section: PackSection) throws(PackFormatError) {
    let index = sections.count
    let end = sections.last?.range.upperBound ?? FileHeader.byteCount
    guard section.offset % section.alignment == 0 else {
      throw .sectionMisaligned(index, offset: section.offset, alignment: section.alignment)
    }
    guard section.offset >= end else { throw .sectionOverlap(index, offset: section.offset, end: end) }
    guard section.offset <= offset, section.storedByteCount <= offset - section.offset else {
      throw .sectionOutside(index, offset: section.offset, byteCount: section.storedByteCount)
    }
    let expected = aligned(end, to: section.alignment)
    guard section.offset == expected else { throw .sectionGap(index, expected: expected, found: section.offset) }
  }
}
