import Glibc
import TensorCore

/// A file that appears under its name whole or not at all.
///
/// Bytes go to a nameless file in the destination's folder, which the system deletes should the process die; where the
/// file system knows no nameless files, to `.NAME.partial-PID` beside the destination. `commit()` gives it its name.
/// A writer that is dropped without a commit leaves nothing.
public final class AtomicFileWriter {
  /// Where the file will appear.
  public let path: String
  /// How many bytes have been written; also the offset of the next one.
  public private(set) var position = 0

  private let folder: String
  private let replacing: Bool
  private var pending: PendingFile?

  /// Prepares to write `path`.
  /// - Parameter replacing: whether a regular file of that name may be replaced.
  /// - Throws: `destinationExists`, `destinationNotAFile`, `folderMissing`, `cannotCreate`, `diskFull`.
  public convenience init(path: String, replacing: Bool = false) throws(ByteIOError) {
    try self.init(path: path, replacing: replacing, nameless: true)
  }

  /// - Parameter nameless: false uses a named temporary file even where nameless ones exist.
  init(path: String, replacing: Bool, nameless: Bool) throws(ByteIOError) {
    if let existing = FileStatus(path: path) {
      guard existing.isRegular else { throw .destinationNotAFile(path: path) }
      guard replacing else { throw .destinationExists(path: path) }
    }
    self.path = path
    self.replacing = replacing
    folder = FileSystem.folder(of: path)
    pending = try PendingFile(path: path, folder: folder, nameless: nameless)
  }

  deinit { abandon() }

  /// Writes `bytes` at the end. After an error the file can only be abandoned.
  /// - Throws: `diskFull`, `writeFailed`.
  public func append(_ bytes: Span<UInt8>) throws(ByteIOError) {
    try open.descriptor.write(bytes, at: position, path: path)
    position += bytes.count
  }

  /// Writes a range that may be larger than memory; its pages are dropped on the way.
  /// - Throws: `diskFull`, `writeFailed`.
  public func append(_ storage: some ByteStorage, _ range: Range<Int>) throws(ByteIOError) {
    try storage.forEachChunk(of: range) { bytes throws(ByteIOError) in try append(bytes) }
  }

  /// Writes zeros up to the next multiple of `alignment`.
  /// - Throws: `diskFull`, `writeFailed`.
  public func align(to alignment: Int) throws(ByteIOError) {
    precondition(alignment > 0)
    let padding = [UInt8](repeating: 0, count: (alignment - position % alignment) % alignment)
    try append(padding.span)
  }

  /// Drops what was written from `newPosition` on; the next byte goes there. No mapping of the dropped part may be read
  /// any more.
  /// - Parameter newPosition: 0 … `position`.
  /// - Throws: `writeFailed`.
  public func truncate(to newPosition: Int) throws(ByteIOError) {
    precondition((0...position).contains(newPosition))
    try open.descriptor.truncate(to: newPosition, path: path)
    position = newPosition
  }

  /// What has been written so far, mapped for reading. More may be appended while it is in use.
  /// - Throws: `readFailed`.
  public func mapped() throws(ByteIOError) -> MappedFile {
    try MappedFile(open.descriptor.duplicate(path: path), path: path)
  }

  /// Makes the file durable and gives it its name. The writer is of no further use.
  /// - Throws: `destinationExists` when a file appeared under the name meanwhile, `diskFull`, `writeFailed`,
  ///   `cannotCreate`; the file is then abandoned.
  public func commit() throws(ByteIOError) {
    let pending = open
    defer { abandon() }
    try pending.descriptor.synchronize(path: path)
    try pending.publish(as: path, folder: folder, replacing: replacing)
    // The file is in place; a folder that cannot be synchronized takes nothing away from it.
    if let folder = try? OwnedDescriptor.reading(folder) { try? folder.synchronize(path: path) }
  }

  /// Drops what was written. Does nothing after a commit.
  public func abandon() {
    pending?.discard()
    pending = nil
  }

  /// The file being written, for tests that take it away.
  var descriptorNumber: Int32 { open.descriptor.number }

  private var open: PendingFile {
    guard let pending else { preconditionFailure("the writer was committed or abandoned") }
    return pending
  }
}
