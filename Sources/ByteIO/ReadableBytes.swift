import TensorCore

/// Storage whose bytes can also be copied out, with an error where they cannot be had: a disk that fails, a file that
/// was shortened. Touching a lent byte of a mapped file would kill the process then.
public protocol ReadableBytes: ByteStorage {
  /// Fills `bytes` with those from `offset` on, all of which must lie in the storage.
  /// - Throws: `readFailed`, `changedWhileOpen`.
  func read(at offset: Int, into bytes: inout MutableSpan<UInt8>) throws(ByteIOError)
}

extension ReadableBytes {
  /// Copies what is lent: right for bytes that cannot fail.
  public func read(at offset: Int, into bytes: inout MutableSpan<UInt8>) throws(ByteIOError) {
    let range = offset..<offset + bytes.count
    withBytes(range) { lent in
      for index in lent.indices { bytes[index] = lent[index] }
    }
  }
}

extension InMemoryBytes: ReadableBytes {}
