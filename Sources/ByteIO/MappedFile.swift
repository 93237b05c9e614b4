import TensorCore

/// A regular file mapped for reading: its bytes are lent in place and come from the disk when touched.
///
/// Nobody may shorten the file while it is mapped: touching a page beyond the new end kills the process with SIGBUS.
/// The size is checked after mapping, which narrows that window without closing it.
public final class MappedFile: ByteStorage, Sendable {
  /// The path it was opened by, for messages.
  public let path: String

  private let mapping: FileMapping

  /// Maps the file at `path`. An empty file is an empty storage.
  /// - Throws: `notFound`, `isDirectory`, `notARegularFile`, `permissionDenied`, `readFailed`, `changedWhileOpen`.
  public convenience init(path: String) throws(ByteIOError) {
    try self.init(OwnedDescriptor.reading(path, waits: false), path: path)
  }

  /// Maps the whole of an open file.
  init(_ descriptor: borrowing OwnedDescriptor, path: String) throws(ByteIOError) {
    let status = try descriptor.status(path: path)
    if status.isDirectory { throw .isDirectory(path: path) }
    guard status.isRegular else { throw .notARegularFile(path: path) }
    self.path = path
    mapping = try FileMapping(descriptor, offset: 0, byteCount: status.byteCount, path: path)
    let after = try descriptor.status(path: path)
    guard after == status else {
      throw .changedWhileOpen(path: path, expectedByteCount: status.byteCount, foundByteCount: after.byteCount)
    }
  }

  public var byteCount: Int { mapping.byteCount }

  public func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
    try mapping.withBytes(range, body)
  }

  /// Drops the pages of `range` from the resident set; the bytes stay readable.
  public func release(_ range: Range<Int>) { mapping.release(range) }

  /// Starts reading `range` from the disk ahead of its use.
  public func prefetch(_ range: Range<Int>) { mapping.prefetch(range) }

  /// Says that the file will be read from front to back, so that the system reads further ahead.
  public func adviseSequential() { mapping.adviseSequential() }
}
