import ByteIO
import Synchronization
import TensorCore

/// Bytes in memory that count how often they are lent.
final class CountingStorage: ReadableBytes {
  private let bytes: InMemoryBytes
  private let count = Mutex(0)

  init(_ bytes: [UInt8]) { self.bytes = InMemoryBytes(bytes) }

  var byteCount: Int { bytes.byteCount }
  var lendCount: Int { count.withLock { $0 } }

  func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
    count.withLock { $0 += 1 }
    return try bytes.withBytes(range, body)
  }
}
