/// Reads little-endian fields one after another, never past a limit.
///
/// The bytes are given with every call, so a cursor can be kept while the bytes are only lent. Every error names the
/// offset of the field it concerns.
public struct ByteCursor: Sendable, Equatable {
  /// Offset of the next field in the bytes given.
  public private(set) var position: Int
  /// Offset at which reading ends.
  public let limit: Int

  /// A cursor over `range` of the bytes it will be given.
  public init(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0)
    position = range.lowerBound
    limit = range.upperBound
  }

  /// A cursor over all of `bytes`.
  public init(over bytes: Span<UInt8>) { self.init(0..<bytes.count) }

  public var remainingByteCount: Int { limit - position }

  /// Passes over `byteCount` bytes and says where they are.
  /// - Throws: `truncated`, as every method here when fewer bytes are left than it needs.
  public mutating func skip(_ byteCount: Int) throws(ByteIOError) -> Range<Int> {
    guard byteCount >= 0, byteCount <= remainingByteCount else {
      throw .truncated(at: position, neededByteCount: byteCount, availableByteCount: remainingByteCount)
    }
    defer { position += byteCount }
    return position..<position + byteCount
  }

  public mutating func uint8(in bytes: Span<UInt8>) throws(ByteIOError) -> UInt8 {
    bytes[try skip(1).lowerBound]
  }

  public mutating func uint16(in bytes: Span<UInt8>) throws(ByteIOError) -> UInt16 {
    try integer(in: bytes)
  }

  public mutating func uint32(in bytes: Span<UInt8>) throws(ByteIOError) -> UInt32 {
    try integer(in: bytes)
  }

  public mutating func uint64(in bytes: Span<UInt8>) throws(ByteIOError) -> UInt64 {
    try integer(in: bytes)
  }

  public mutating func float64(in bytes: Span<UInt8>) throws(ByteIOError) -> Double {
    Double(bitPattern: try integer(in: bytes))
  }

  /// A 64-bit unsigned count or offset.
  /// - Throws: `countTooLarge` when it does not fit Int.
  public mutating func count(in bytes: Span<UInt8>) throws(ByteIOError) -> Int {
    let start = position
    let value = try uint64(in: bytes)
    guard let count = Int(exactly: value) else { throw .countTooLarge(at: start, found: value) }
    return count
  }

  /// A copy of the next `byteCount` bytes.
  public mutating func bytes(_ byteCount: Int, in bytes: Span<UInt8>) throws(ByteIOError) -> [UInt8] {
    let range = try skip(byteCount)
    return [UInt8](capacity: byteCount) { output in
      for index in range { output.append(bytes[index]) }
    }
  }

  /// The next `byteCount` bytes as text.
  /// - Throws: `notUTF8`.
  public mutating func string(byteCount: Int, in bytes: Span<UInt8>) throws(ByteIOError) -> String {
    let range = try skip(byteCount)
    guard let text = try? UTF8Span(validating: bytes.extracting(range)) else { throw .notUTF8(at: range.lowerBound) }
    return String(copying: text)
  }

  /// Passes over `byteCount` bytes that have to be zero.
  /// - Throws: `reservedNotZero` with the first byte that is not.
  public mutating func reservedZero(_ byteCount: Int, in bytes: Span<UInt8>) throws(ByteIOError) {
    for index in try skip(byteCount) where bytes[index] != 0 {
      throw .reservedNotZero(at: index, found: bytes[index])
    }
  }

  private mutating func integer<Value: FixedWidthInteger & UnsignedInteger>(
    in bytes: Span<UInt8>
  ) throws(ByteIOError) -> Value {
    let range = try skip(Value.bitWidth / 8)
    var value: Value = 0
    for index in range.reversed() { value = value << 8 | Value(bytes[index]) }
    return value
  }
}
