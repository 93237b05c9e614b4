import Glibc

/// A file of records that grows at its end and survives being cut off anywhere: each record stands behind its length
/// and checksum, and what follows the last whole one is dropped when the file is opened. One process has it at a time.
public final class RecordLog {
  /// Its path, for messages.
  public let path: String
  /// The records found when it was opened, oldest first.
  public let found: [[UInt8]]

  private let descriptor: OwnedDescriptor
  /// Where each record ends, those appended included.
  private var ends: [Int] = []

  /// Bytes a log may have to be read whole.
  private static let byteCountLimit = 1 << 30
  private static let frameByteCount = 16

  /// Opens the log at `path`, which is made where there is none.
  /// - Throws: `folderMissing`, `cannotCreate`, `diskFull`, `inUse`, `notARegularFile`, `readFailed`, `fileOverLimit`.
  public init(path: String) throws(ByteIOError) {
    self.path = path
    descriptor = try OwnedDescriptor.creating(path)
    try descriptor.lock(path: path)
    let bytes = try FileSystem.readSmallFile(path, limit: Self.byteCountLimit, allowsPipes: false)
    var cursor = ByteCursor(over: bytes.span)
    var records: [[UInt8]] = []
    while let record = Self.next(&cursor, in: bytes.span) {
      records.append(record)
      ends.append(cursor.position)
    }
    found = records
    try descriptor.truncate(to: end, path: path)
  }

  private var end: Int { ends.last ?? 0 }

  /// The next record, nil where there is none or it is torn.
  private static func next(_ cursor: inout ByteCursor, in bytes: Span<UInt8>) -> [UInt8]? {
    guard let byteCount = try? cursor.count(in: bytes), let checksum = try? cursor.uint64(in: bytes),
      let record = try? cursor.bytes(byteCount, in: bytes), Checksum.xxh3(record.span) == checksum
    else { return nil }
    return record
  }

  /// Appends a record.
  /// - Throws: `diskFull`, `writeFailed`; a part that was written is dropped when the log is opened again.
  public func append(_ record: [UInt8]) throws(ByteIOError) {
    var frame: [UInt8] = []
    frame.reserveCapacity(Self.frameByteCount + record.count)
    frame.appendCount(record.count)
    frame.appendLittleEndian(Checksum.xxh3(record.span))
    frame += record
    try descriptor.write(frame.span, at: end, path: path)
    ends.append(end + frame.count)
  }

  /// Keeps the first `count` records.
  /// - Throws: `writeFailed`.
  public func truncate(toRecordCount count: Int) throws(ByteIOError) {
    ends.removeLast(max(0, ends.count - count))
    try descriptor.truncate(to: end, path: path)
  }
}
