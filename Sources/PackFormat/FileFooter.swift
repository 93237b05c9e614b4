import ByteIO

/// docs/format.md §2.3; the order of fields here is the order of rows there.
struct FileFooter: Equatable {
  let tableOffset: Int
  let tableByteCount: Int
  let tableChecksum: UInt64
  let fileByteCount: Int

  static let byteCount = 64
  private static let reservedByteCount = 16
  private static let checkedRange = 0..<48
  private static let magic = Array("SWAGEEND".utf8)

  init(tableOffset: Int, tableByteCount: Int, tableChecksum: UInt64, fileByteCount: Int) {
    self.tableOffset = tableOffset
    self.tableByteCount = tableByteCount
    self.tableChecksum = tableChecksum
    self.fileByteCount = fileByteCount
  }

  /// Reads the footer from the last bytes of a file of `fileByteCount` bytes.
  init(_ bytes: Span<UInt8>, fileByteCount: Int) throws(PackFormatError) {
    let place = fileByteCount - Self.byteCount
    var ending = FieldReader(bytes, at: place, from: Self.checkedRange.upperBound)
    let checksum = try ending.uint64(in: bytes)
    guard try ending.bytes(Self.magic.count, in: bytes) == Self.magic else {
      throw .truncated(byteCount: fileByteCount)
    }
    guard checksum == Checksum.xxh3(bytes.extracting(Self.checkedRange)) else { throw .footerChecksum }
    var fields = FieldReader(bytes, at: place)
    tableOffset = try fields.count(in: bytes)
    tableByteCount = try fields.count(in: bytes)
    tableChecksum = try fields.uint64(in: bytes)
    self.fileByteCount = try fields.count(in: bytes)
    try fields.reservedZero(Self.reservedByteCount, in: bytes)
    guard self.fileByteCount == fileByteCount else {
      throw .fileLength(declared: self.fileByteCount, found: fileByteCount)
    }
  }

  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendCount(tableOffset)
    bytes.appendCount(tableByteCount)
    bytes.appendLittleEndian(tableChecksum)
    bytes.appendCount(fileByteCount)
    bytes.appendZeros(Self.reservedByteCount)
    bytes.appendLittleEndian(Checksum.xxh3(bytes.span))
    bytes += Self.magic
    return bytes
  }
}
