import Synchronization
import TensorCore

/// A storage that counts what it lends and what is released.
final class ReleaseCounter: ByteStorage {
  private let base: InMemoryBytes
  private let released = Mutex(0)
  private let largest = Mutex(0)

  init(_ base: InMemoryBytes) { self.base = base }

  var byteCount: Int { base.byteCount }
  var releasedByteCount: Int { released.withLock { $0 } }
  /// Bytes of the longest range lent.
  var largestLoan: Int { largest.withLock { $0 } }

  func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
    largest.withLock { $0 = max($0, range.count) }
    return try base.withBytes(range, body)
  }

  func release(_ range: Range<Int>) { released.withLock { $0 += range.count } }
}
