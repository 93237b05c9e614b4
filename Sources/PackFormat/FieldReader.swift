import ByteIO

/// A `ByteCursor` over a part of a pack that speaks of offsets in the file and fails with the rules of the format.
///
/// The parts it is given were checked to be as long as their fields.
struct FieldReader {
  private var cursor: ByteCursor
  private let partOffset: Int

  /// - Parameters:
  ///   - partOffset: where `part` begins in the file.
  ///   - start: where the first field begins in `part`.
  init(_ part: Span<UInt8>, at partOffset: Int, from start: Int = 0) {
    cursor = ByteCursor(start..<part.count)
    self.partOffset = partOffset
  }

  /// Offset of the next field in the part.
  var position: Int { cursor.position }
  var remainingByteCount: Int { cursor.remainingByteCount }

  mutating func uint32(in part: Span<UInt8>) throws(PackFormatError) -> UInt32 {
    do throws(ByteIOError) { return try cursor.uint32(in: part) } catch { throw located(error) }
  }

  mutating func uint64(in part: Span<UInt8>) throws(PackFormatError) -> UInt64 {
    do throws(ByteIOError) { return try cursor.uint64(in: part) } catch { throw located(error) }
  }

  mutating func float64(in part: Span<UInt8>) throws(PackFormatError) -> Double {
    do throws(ByteIOError) { return try cursor.float64(in: part) } catch { throw located(error) }
  }

  /// An offset or a length.
  mutating func count(in part: Span<UInt8>) throws(PackFormatError) -> Int {
    do throws(ByteIOError) { return try cursor.count(in: part) } catch { throw located(error) }
  }

  mutating func bytes(_ byteCount: Int, in part: Span<UInt8>) throws(PackFormatError) -> [UInt8] {
    do throws(ByteIOError) { return try cursor.bytes(byteCount, in: part) } catch { throw located(error) }
  }

  mutating func reservedZero(_ byteCount: Int, in part: Span<UInt8>) throws(PackFormatError) {
    do throws(ByteIOError) { try cursor.reservedZero(byteCount, in: part) } catch { throw located(error) }
  }

  private func located(_ error: ByteIOError) -> PackFormatError {
    switch error {
    case .reservedNotZero(let offset, let found): .reservedNotZero(at: partOffset + offset, found: found)
    case .countTooLarge(let offset, let found): .numberTooLarge(at: partOffset + offset, found: found)
    default: .file(error)
    }
  }
}
