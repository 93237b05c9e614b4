import TensorCore

extension ByteStorage {
  /// Lends `range` piece by piece, front to back, and drops each piece from the resident set afterwards. This is how
  /// a range larger than memory is hashed, copied or written.
  /// - Parameter chunkByteCount: the length of each piece but the last.
  public func forEachChunk<Failure: Error>(
    of range: Range<Int>, chunkByteCount: Int = 1 << 20, _ body: (Span<UInt8>) throws(Failure) -> Void
  ) throws(Failure) {
    precondition(chunkByteCount > 0)
    var start = range.lowerBound
    while start < range.upperBound {
      let chunk = start..<min(range.upperBound, start + chunkByteCount)
      let result = withBytes(chunk) { bytes -> Result<Void, Failure> in
        do throws(Failure) { return .success(try body(bytes)) } catch { return .failure(error) }
      }
      release(chunk)
      try result.get()
      start = chunk.upperBound
    }
  }
}
