/// One entry of the section table (docs/format.md §2.2); the order of fields here is the order of rows there.
public struct PackSection: Sendable, Hashable {
  public let kind: SectionKind
  public let compression: SectionCompression
  /// The section begins at a multiple of this many bytes.
  public let alignment: Int
  /// First byte in the file.
  public let offset: Int
  /// Bytes in the file.
  public let storedByteCount: Int
  /// Bytes after decompression.
  public let rawByteCount: Int
  /// XXH3-64 of the stored bytes.
  public let checksum: UInt64

  /// Bytes of an entry.
  static let entryByteCount = 48
  static let smallAlignment = 64
  static let pageAlignment = 4096

  /// Where the section lies in the file.
  public var range: Range<Int> { offset..<offset + storedByteCount }

  init(
    kind: SectionKind, compression: SectionCompression = .none, alignment: Int = PackSection.smallAlignment,
    offset: Int, storedByteCount: Int, rawByteCount: Int, checksum: UInt64
  ) {
    self.kind = kind
    self.compression = compression
    self.alignment = alignment
    self.offset = offset
    self.storedByteCount = storedByteCount
    self.rawByteCount = rawByteCount
    self.checksum = checksum
  }

  /// The same section with its checksum filled in.
  func with(checksum: UInt64) -> PackSection {
    PackSection(
      kind: kind, compression: compression, alignment: alignment, offset: offset, storedByteCount: storedByteCount,
      rawByteCount: rawByteCount, checksum: checksum)
  }

  func append(to table: inout [UInt8]) {
    table.appendLittleEndian(kind.rawValue)
    table.appendLittleEndian(compression.rawValue)
    table.appendLittleEndian(UInt32(alignment))
    table.appendZeros(4)
    table.appendCount(offset)
    table.appendCount(storedByteCount)
    table.appendCount(rawByteCount)
    table.appendLittleEndian(checksum)
  }

  /// Reads entry `index` and checks what can be checked of it alone.
  init(_ fields: inout FieldReader, in table: Span<UInt8>, index: Int) throws(PackFormatError) {
    let kindCode = try fields.uint32(in: table)
    let compressionCode = try fields.uint32(in: table)
    let alignment = try fields.uint32(in: table)
    try fields.reservedZero(4, in: table)
    offset = try fields.count(in: table)
    storedByteCount = try fields.count(in: table)
    rawByteCount = try fields.count(in: table)
    checksum = try fields.uint64(in: table)

    guard let kind = SectionKind(rawValue: kindCode) else { throw .sectionKind(index, found: kindCode) }
    guard let compression = SectionCompression(rawValue: compressionCode),
      compression == .none || kind.mayBeCompressed
    else { throw .sectionCompression(index, kind, found: compressionCode) }
    guard alignment == Self.smallAlignment || (alignment == Self.pageAlignment && kind == .parameters) else {
      throw .sectionAlignment(index, kind, found: alignment)
    }
    self.kind = kind
    self.compression = compression
    self.alignment = Int(alignment)
    guard compression == .none ? storedByteCount == rawByteCount : storedByteCount < rawByteCount else {
      throw .sectionLength(index, kind, stored: storedByteCount, raw: rawByteCount)
    }
    guard rawByteCount <= kind.byteLimit else {
      throw .sectionTooLong(index, kind, byteCount: rawByteCount, limit: kind.byteLimit)
    }
    guard rawByteCount > 0 || kind.mayBeEmpty else { throw .sectionEmpty(index, kind) }
  }
}
