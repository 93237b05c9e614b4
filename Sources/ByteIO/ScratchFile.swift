import Glibc
import Synchronization
import TensorCore

/// A nameless file that holds bytes out of memory. It is gone when the last thing stored in it is.
///
/// Any number of threads may append at once.
public final class ScratchFile: Sendable {
  /// The folder whose disk it uses.
  public let folder: String

  let descriptor: OwnedDescriptor
  private let end: Mutex<End>

  /// Address space is taken in regions of this size, so that many small extents do not exhaust the number of mappings
  /// that the system grants a process.
  private static let regionByteCount = 256 << 20

  /// Where the next extent goes.
  private struct End {
    var offset = 0
    var region: (mapping: FileMapping, start: Int)?
  }

  /// - Throws: `folderMissing`, `cannotCreate`, `diskFull`.
  public init(folder: String) throws(ByteIOError) {
    self.folder = folder
    descriptor = try PendingFile.unnamed(inFolder: folder)
    end = Mutex(End())
  }

  /// Stores a copy of `bytes`. Space of a page or more is given back to the disk when the result is dropped.
  /// - Throws: `diskFull`, `writeFailed`.
  public func append(_ bytes: Span<UInt8>) throws(ByteIOError) -> any ByteStorage {
    let extent = try reserve(bytes.count)
    try descriptor.write(bytes, at: extent.offset, path: folder)
    return extent
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
          descriptor, offset: offset, byteCount: max(Self.regionByteCount, extentByteCount), path: folder)
        region = (mapping, offset)
      }
      guard let region else { preconditionFailure("a region was just made") }
      end.region = region
      end.offset = offset + extentByteCount
      return ScratchExtent(
        file: self, mapping: region.mapping, start: offset - region.start, offset: offset, byteCount: byteCount)
    }
  }
}

/// One stored piece of a scratch file.
private final class ScratchExtent: ByteStorage {
  let byteCount: Int
  /// Its place in the file.
  let offset: Int

  private let file: ScratchFile
  private let mapping: FileMapping
  private let start: Int

  init(file: ScratchFile, mapping: FileMapping, start: Int, offset: Int, byteCount: Int) {
    self.file = file
    self.mapping = mapping
    self.start = start
    self.offset = offset
    self.byteCount = byteCount
  }

  /// Gives the extent's pages back to the disk; where the file system cannot, they stay until the file goes.
  deinit {
    if byteCount >= PageSize.byteCount {
      file.descriptor.discard(offset..<offset + PageSize.roundedUp(byteCount))
    }
  }

  func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
    return try mapping.withBytes(start + range.lowerBound..<start + range.upperBound, body)
  }

  func release(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
    mapping.release(start + range.lowerBound..<start + range.upperBound)
  }
}

/// The size of a page of memory.
enum PageSize {
  static let byteCount = max(4_096, sysconf(Int32(_SC_PAGESIZE)))

  static func roundedUp(_ offset: Int) -> Int { (offset + byteCount - 1) / byteCount * byteCount }
}
