import ByteIO

/// docs/format.md §2.1.
enum FileHeader {
  static let byteCount = 64
  static let version: UInt32 = 1
  static let magic: [UInt8] = [0x89] + Array("SWAGE\r\n".utf8)
  private static let checkedRange = 0..<56

  static var bytes: [UInt8] {
    var bytes = magic
    bytes.appendLittleEndian(version)
    bytes.appendZeros(checkedRange.count - bytes.count)
    bytes.appendLittleEndian(Checksum.xxh3(bytes.span))
    return bytes
  }

  /// Checks the header of a file, given its first bytes.
  static func check(_ bytes: Span<UInt8>, fileByteCount: Int) throws(PackFormatError) {
    var fields = FieldReader(bytes, at: 0)
    guard bytes.count >= magic.count, try fields.bytes(magic.count, in: bytes) == magic else { throw .notAPack }
    guard bytes.count == byteCount else { throw .tooShort(byteCount: fileByteCount) }
    let found = try fields.uint32(in: bytes)
    if found > version { throw .newerVersion(found: found, supported: version) }
    if found < version { throw .unknownVersion(found: found) }
    var checksum = FieldReader(bytes, at: 0, from: checkedRange.upperBound)
    guard try checksum.uint64(in: bytes) == Checksum.xxh3(bytes.extracting(checkedRange)) else { throw .headerChecksum }
    try fields.reservedZero(checkedRange.upperBound - fields.position, in: bytes)
  }
}
