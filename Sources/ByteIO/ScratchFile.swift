import Glibc
import Synchronization
import TensorCore

/// A file that holds bytes out of memory. A nameless one is gone when the last thing stored in it is; one with a name
/// stays, so that another process can go on with what was kept in it.
///
/// Any number of threads may append at once.
public final class ScratchFile: Sendable {
  /// The file's path, or the folder whose disk a nameless one uses.
  public let path: String

  let descriptor: OwnedDescriptor
  private let end: Mutex<End>
  /// What the file held when it was opened.
  private let found: FileMapping?

  /// Address space is taken in regions of this size, so that many small extents do not exhaust the number of mappings
  /// that the system grants a process.
  private static let regionByteCount = 256 << 20

  /// Where the next extent goes.
  private struct End {
    var offset = 0
    var region: (mapping: FileMapping, start: Int)?
  }

  /// A nameless file.
  /// - Throws: `folderMissing`, `cannotCreate`, `diskFull`.
  public init(folder: String) throws(ByteIOError) {
    path = folder
    descriptor = try PendingFile.unnamed(inFolder: folder)
    end = Mutex(End())
    found = nil
  }

  /// The file at `path`, which is made where there is none.
  /// - Throws: `folderMissing`, `cannotCreate`, `diskFull`, `notARegularFile`, `readFailed`.
  public init(path: String) throws(ByteIOError) {
    self.path = path
    descriptor = try OwnedDescriptor.creating(path)
    let status = try descriptor.status(path: path)
    guard status.isRegular else { throw .notARegularFile(path: path) }
    found = try FileMapping(descriptor, offset: 0, byteCount: status.byteCount, path: path)
    end = Mutex(End(offset: status.byteCount))
  }

  /// Stores a copy of `bytes`. Space of a page or more is given back to the disk when the result is dropped, unless it
  /// is to be kept.
  /// - Throws: `diskFull`, `writeFailed`.
  public func append(_ bytes: Span<UInt8>) throws(ByteIOError) -> ScratchExtent {
    let extent = try reserve(bytes.count)
    try descriptor.write(bytes, at: extent.offset, path: path)
    return extent
  }

  /// What an earlier process kept at `range`, nil where the file was shorter when it was opened.
  public func kept(_ range: Range<Int>) -> ScratchExtent? {
    guard range.lowerBound >= 0, let found, range.upperBound <= found.byteCount else { return nil }
    return ScratchExtent(
      file: self, mapping: found, start: range.lowerBound, offset: range.lowerBound, byteCount: range.count,
      isKept: true)
  }

  /// Drops what lies at `byteCount` and beyond; nothing there may be read any more.
  /// - Throws: `writeFailed`.
  public func truncate(to byteCount: Int) throws(ByteIOError) {
    try end.withLock { (end) throws(ByteIOError) in
      try descriptor.truncate(to: byteCount, path: path)
      end = End(offset: byteCount)
    }
  }

  private func reserve(_ byteCount: Int) throws(ByteIOError) -> ScratchExtent {
    try end.withLock { (end) throws(ByteIOError) in
      // What fills a page has its pages to itself, so that they can be given back to the disk.
      let isLarge = byteCount >= PageSize.byteCount
      var offset = isLarge ? PageSize.roundedUp(end.offset) : (end.offset + 63) / 64 * 64
      let extentByteCount = isLarge ? PageSize.roundedUp(byteCount) : byteCount
      var region = end.region
      if region.map({ offset + extentByteCount > $0.start + $0.mapping.byteCount }) ?? true {
        offset = PageSize.roundedUp(offset)
        let mapping = try FileMapping(
          descriptor, offset: offset, byteCount: max(Self.regionByteCount, extentByteCount), path: path)
        region = (mapping, offset)
      }
      guard let region else { preconditionFailure("a region was just made") }
      end.region = region
      end.offset = offset + extentByteCount
      return ScratchExtent(
        file: self, mapping: region.mapping, start: offset - region.start, offset: offset, byteCount: byteCount,
        isKept: false)
    }
  }
}

/// One stored piece of a scratch file.
public final class ScratchExtent: ByteStorage {
  public let byteCount: Int
  /// Its place in the file.
  public let offset: Int

  private let file: ScratchFile
  private let mapping: FileMapping
  private let start: Int
  private let isKept: Atomic<Bool>

  fileprivate init(
    file: ScratchFile, mapping: FileMapping, start: Int, offset: Int, byteCount: Int, isKept: Bool
  ) {
    self.file = file
    self.mapping = mapping
    self.start = start
    self.offset = offset
    self.byteCount = byteCount
    self.isKept = Atomic(isKept)
  }

  /// Gives the extent's pages back to the disk; where the file system cannot, they stay until the file goes.
  deinit {
    if byteCount >= PageSize.byteCount, !isKept.load(ordering: .relaxed) {
      file.descriptor.discard(offset..<offset + PageSize.roundedUp(byteCount))
    }
  }

  /// From now on its bytes stay in the file, whatever becomes of this object.
  public func keep() { isKept.store(true, ordering: .relaxed) }

  public func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
    return try mapping.withBytes(start + range.lowerBound..<start + range.upperBound, body)
  }

  public func release(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
    mapping.release(start + range.lowerBound..<start + range.upperBound)
  }
}

/// The size of a page of memory.
enum PageSize {
  static let byteCount = max(4_096, sysconf(Int32(_SC_PAGESIZE)))

  static func roundedUp(_ offset: Int) -> Int { (offset + byteCount - 1) / byteCount * byteCount }
}
