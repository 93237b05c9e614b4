import ByteIO
import TensorCore

/// A file whose header, footer and table were checked: the first half of opening a pack (docs/format.md §6, step 1).
struct PackImage {
  let file: any ByteStorage
  let table: SectionTable

  private static let shortestByteCount =
    FileHeader.byteCount
    + aligned(
      SectionTable.countRange.lowerBound * PackSection.entryByteCount, to: PackSection.smallAlignment)
    + FileFooter.byteCount

  init(_ file: any ByteStorage) throws(PackFormatError) {
    self.file = file
    let byteCount = file.byteCount
    try file.withBytes(0..<min(byteCount, FileHeader.byteCount)) { bytes in
      Self.result { () throws(PackFormatError) in try FileHeader.check(bytes, fileByteCount: byteCount) }
    }.get()
    guard byteCount >= Self.shortestByteCount else { throw .tooShort(byteCount: byteCount) }
    let footer = try file.withBytes(byteCount - FileFooter.byteCount..<byteCount) { bytes in
      Self.result { () throws(PackFormatError) in try FileFooter(bytes, fileByteCount: byteCount) }
    }.get()
    let range = try SectionTable.range(footer)
    table = try file.withBytes(range) { bytes in
      Self.result { () throws(PackFormatError) in try SectionTable(bytes, footer: footer) }
    }.get()
    try Padding.check(file, range.upperBound..<byteCount - FileFooter.byteCount)
  }
}

/// The sections that are not parameters, checked and decoded (docs/format.md §6, step 2).
extension PackImage {
  func manifest() throws(PackFormatError) -> (value: PackManifest, parameters: [PlacedParameter]) {
    guard let bytes = try content(of: .manifest) else { throw .sectionMissing(.manifest) }
    let (manifest, placements) = try ManifestCoding.decode(bytes)
    let parameters = zip(manifest.parameters, placements).map { PlacedParameter(parameter: $0, placement: $1) }
    try PlacementCheck(sections: table.sections).run(parameters)
    return (manifest, parameters)
  }

  /// A section of text, nil when there is none.
  func text(_ kind: SectionKind) throws(PackFormatError) -> String? {
    guard let bytes = try content(of: kind) else { return nil }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .textNotUTF8(kind) }
    return text
  }

  func sourceDigests(count: Int) throws(PackFormatError) -> [SHA256Digest] {
    guard let bytes = try content(of: .provenance) else { throw .sectionMissing(.provenance) }
    guard bytes.count == count * SHA256Digest.byteCount else {
      throw .provenanceLength(found: bytes.count, sourceCount: count)
    }
    return stride(from: 0, to: bytes.count, by: SHA256Digest.byteCount).map {
      SHA256Digest(bytes: Array(bytes[$0..<$0 + SHA256Digest.byteCount]))
    }
  }

  func accuracy() throws(PackFormatError) -> [AccuracyRecord] {
    guard let index = index(of: .accuracy), let bytes = try content(of: .accuracy) else { return [] }
    return try AccuracySection.decode(bytes.span, at: table.sections[index].offset)
  }

  /// The decompressed bytes of the one section of `kind`, verified; nil when there is none.
  func content(of kind: SectionKind) throws(PackFormatError) -> [UInt8]? {
    guard let index = index(of: kind) else { return nil }
    let section = table.sections[index]
    let content = try file.withBytes(section.range) { stored in
      Self.result { () throws(PackFormatError) in
        guard Checksum.xxh3(stored) == section.checksum else { throw .sectionChecksum(index, kind) }
        guard section.compression == .lz4 else { return [UInt8](copying: stored) }
        do throws(ByteIOError) {
          return try LZ4Frame.decompress(stored, expectedByteCount: section.rawByteCount, limit: kind.byteLimit)
        } catch {
          throw .sectionDecompression(index, kind, error)
        }
      }
    }.get()
    try Padding.check(file, table.padding(after: index))
    return content
  }

  private func index(of kind: SectionKind) -> Int? { table.sections.firstIndex { $0.kind == kind } }

  /// Lets a typed error pass through a closure that is lent bytes.
  private static func result<Value>(
    _ body: () throws(PackFormatError) -> Value
  ) -> Result<Value, PackFormatError> {
    do throws(PackFormatError) { return .success(try body()) } catch { return .failure(error) }
  }
}

/// Bytes between parts, which have to be zero.
enum Padding {
  /// - Parameters:
  ///   - bytes: those of the file from `start` on.
  ///   - range: a place in the file.
  static func check(_ bytes: any ByteStorage, _ range: Range<Int>, from start: Int = 0) throws(PackFormatError) {
    let found = bytes.withBytes(range.lowerBound - start..<range.upperBound - start) { bytes in
      bytes.indices.first { bytes[$0] != 0 }
    }
    if let found { throw .paddingNotZero(at: range.lowerBound + found) }
  }
}
