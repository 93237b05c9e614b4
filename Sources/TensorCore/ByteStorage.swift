/// Bytes that live somewhere (a mapped file, an array) and are lent for the length of a call.
///
/// Holders keep the storage, never a span of it.
public protocol ByteStorage: Sendable {
  var byteCount: Int { get }

  /// Lends the bytes of `range`, which must lie in `0..<byteCount`.
  func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result

  /// Says that `range` will not be needed soon, so that resident pages may be dropped. The bytes stay readable.
  func release(_ range: Range<Int>)
}

extension ByteStorage {
  public func withBytes<Result>(_ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
    try withBytes(0..<byteCount, body)
  }

  public func release(_ range: Range<Int>) {}
}

/// Bytes held in memory.
public struct InMemoryBytes: ByteStorage {
  public let bytes: [UInt8]

  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  public var byteCount: Int { bytes.count }

  public func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
    try body(bytes.span.extracting(range))
  }
}

/// A range of another storage, seen as a storage of its own.
public struct ByteSlice: ByteStorage {
  public let base: any ByteStorage
  public let range: Range<Int>

  /// `range` must lie within `base`.
  public init(_ base: any ByteStorage, _ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= base.byteCount)
    self.base = base
    self.range = range
  }

  public var byteCount: Int { range.count }

  public func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
    return try base.withBytes(
      self.range.lowerBound + range.lowerBound..<self.range.lowerBound + range.upperBound, body)
  }

  public func release(_ range: Range<Int>) {
    base.release(self.range.lowerBound + range.lowerBound..<self.range.lowerBound + range.upperBound)
  }
}
