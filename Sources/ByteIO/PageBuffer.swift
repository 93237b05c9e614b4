import Glibc
import Synchronization
import TensorCore

/// Bytes that were read into whole pages of memory of their own.
public final class PageBuffer: ByteStorage {
  public let byteCount: Int
  private let pages: Pages?
  private let pool: PagePool

  /// The memory that `byteCount` bytes take.
  public static func memoryByteCount(of byteCount: Int) -> Int { PageSize.roundedUp(byteCount) }

  /// Reads `range` of `source`.
  /// - Parameter pool: where the pages come from, and go.
  /// - Throws: `noMemory`, and what `source` throws.
  public init(reading range: Range<Int>, of source: any ReadableBytes, pool: PagePool) throws(ByteIOError) {
    byteCount = range.count
    self.pool = pool
    pages = range.isEmpty ? nil : try pool.take(byteCount: PageSize.roundedUp(range.count))
    try pages?.fill(byteCount: range.count, from: source, at: range.lowerBound)
  }

  deinit {
    if let pages { pool.keep(pages) }
  }

  public func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
    guard let pages else { return try body(Span()) }
    return try pages.withBytes(range, body)
  }
}

/// Keeps the pages of buffers that are gone for the next one of the same size: taking new ones from the system costs more
/// than reading a small expert. When a buffer is made, what was kept and does not fit goes back to the system first, so
/// that a limit on the buffers is one on the memory.
public final class PagePool: Sendable {
  private let kept = Mutex<[Pages]>([])

  public init() {}

  fileprivate func keep(_ pages: Pages) { kept.withLock { $0.append(pages) } }

  fileprivate func take(byteCount: Int) throws(ByteIOError) -> Pages {
    let match = kept.withLock { kept in
      defer { kept.removeAll() }
      return kept.first { $0.byteCount == byteCount }
    }
    return if let match { match } else { try Pages(byteCount: byteCount) }
  }
}

/// Pages of memory, given back to the system with their owner.
///
/// `@unchecked Sendable`: `fill` is called by the initializer of a buffer, before anyone else knows of it.
@safe private final class Pages: @unchecked Sendable {
  let byteCount: Int
  private let base: UnsafeMutablePointer<UInt8>

  init(byteCount: Int) throws(ByteIOError) {
    self.byteCount = byteCount
    let address = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else { throw .noMemory(byteCount: byteCount) }
    unsafe base = address.assumingMemoryBound(to: UInt8.self)
  }

  deinit { unsafe munmap(base, byteCount) }

  func fill(byteCount: Int, from source: any ReadableBytes, at offset: Int) throws(ByteIOError) {
    var bytes = unsafe UnsafeMutableBufferPointer(start: base, count: byteCount).mutableSpan
    try source.read(at: offset, into: &bytes)
  }

  func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
    try body(unsafe UnsafeBufferPointer(start: base + range.lowerBound, count: range.count).span)
  }
}
