import Glibc
import TensorCore

/// A regular file mapped for reading: its bytes are lent in place and come from the disk when touched.
///
/// Nobody may shorten the file while it is mapped: touching a page beyond the new end kills the process with SIGBUS.
/// The size is checked after mapping, which narrows that window without closing it. ``read(at:into:)`` copies bytes out
/// with an error instead.
public final class MappedFile: ReadableBytes, Sendable {
  /// The path it was opened by, for messages.
  public let path: String

  private let descriptor: OwnedDescriptor
  private let mapping: FileMapping

  /// Maps the file at `path`. An empty file is an empty storage.
  /// - Throws: `notFound`, `isDirectory`, `notARegularFile`, `permissionDenied`, `readFailed`, `changedWhileOpen`.
  public convenience init(path: String) throws(ByteIOError) {
    try self.init(OwnedDescriptor.reading(path, waits: false), path: path)
  }

  /// Maps the whole of an open file.
  init(_ descriptor: consuming OwnedDescriptor, path: String) throws(ByteIOError) {
    let status = try descriptor.status(path: path)
    if status.isDirectory { throw .isDirectory(path: path) }
    guard status.isRegular else { throw .notARegularFile(path: path) }
    self.path = path
    mapping = try FileMapping(descriptor, offset: 0, byteCount: status.byteCount, path: path)
    let after = try descriptor.status(path: path)
    guard after == status else {
      throw .changedWhileOpen(path: path, expectedByteCount: status.byteCount, foundByteCount: after.byteCount)
    }
    self.descriptor = descriptor
  }

  public var byteCount: Int { mapping.byteCount }

  public func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
    try mapping.withBytes(range, body)
  }

  /// Fills `bytes` with those from `offset` on, read from the file and not by touching the mapping.
  /// - Throws: `readFailed`; `changedWhileOpen` when the file has not the length any more that it was mapped with.
  public func read(at offset: Int, into bytes: inout MutableSpan<UInt8>) throws(ByteIOError) {
    precondition(offset >= 0 && offset + bytes.count <= byteCount)
    try requireSameByteCount()
    guard try descriptor.read(at: offset, into: &bytes, path: path) < bytes.count else { return }
    try requireSameByteCount()
    throw .readFailed(path: path, errorNumber: EIO)
  }

  private func requireSameByteCount() throws(ByteIOError) {
    let found = try descriptor.status(path: path).byteCount
    guard found == byteCount else {
      throw .changedWhileOpen(path: path, expectedByteCount: byteCount, foundByteCount: found)
    }
  }

  /// Drops the pages of `range` from the resident set; the bytes stay readable.
  public func release(_ range: Range<Int>) { mapping.release(range) }

  /// Starts reading `range` from the disk ahead of its use.
  public func prefetch(_ range: Range<Int>) { mapping.prefetch(range) }

  /// Says that the file will be read from front to back, so that the system reads further ahead.
  public func adviseSequential() { mapping.adviseSequential() }
}
