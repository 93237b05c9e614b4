import ByteIO
import Testing

struct ByteCursorTests {
  private let bytes: [UInt8] = [
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F,
    0, 0, 0, 0, 0, 0, 0xF8, 0xBF, 0xC3, 0xA9, 0x21,
  ]

  @Test func fieldsAreLittleEndianAndFollowOneAnother() throws {
    var cursor = ByteCursor(over: bytes.span)
    #expect(try cursor.uint8(in: bytes.span) == 0x01)
    #expect(try cursor.uint16(in: bytes.span) == 0x0302)
    #expect(try cursor.uint32(in: bytes.span) == 0x0706_0504)
    #expect(try cursor.uint64(in: bytes.span) == 0x0F0E_0D0C_0B0A_0908)
    #expect(try cursor.float64(in: bytes.span) == -1.5)
    #expect(try cursor.string(byteCount: 2, in: bytes.span) == "é")
    #expect(try cursor.bytes(1, in: bytes.span) == [0x21])
    #expect(cursor.position == bytes.count)
    #expect(cursor.remainingByteCount == 0)
  }

  @Test func nothingIsReadPastTheLimit() {
    var cursor = ByteCursor(4..<9)
    #expect(throws: ByteIOError.truncated(at: 4, neededByteCount: 8, availableByteCount: 5)) {
      try cursor.uint64(in: bytes.span)
    }
    #expect(cursor.position == 4)
    #expect(throws: ByteIOError.truncated(at: 4, neededByteCount: .max, availableByteCount: 5)) {
      try cursor.bytes(.max, in: bytes.span)
    }
    #expect(throws: ByteIOError.truncated(at: 4, neededByteCount: -1, availableByteCount: 5)) {
      try cursor.skip(-1)
    }
  }

  @Test func countsFitInt() throws {
    let fits = [UInt8](repeating: 0xFF, count: 7) + [0x7F]
    var cursor = ByteCursor(over: fits.span)
    #expect(try cursor.count(in: fits.span) == .max)
    let exceeds = [UInt8](repeating: 0, count: 7) + [0x80]
    cursor = ByteCursor(over: exceeds.span)
    #expect(throws: ByteIOError.countTooLarge(at: 0, found: 1 << 63)) { try cursor.count(in: exceeds.span) }
  }

  @Test func reservedBytesAreZero() throws {
    let bytes: [UInt8] = [0, 0, 0, 9]
    var cursor = ByteCursor(over: bytes.span)
    try cursor.reservedZero(3, in: bytes.span)
    #expect(cursor.position == 3)
    #expect(throws: ByteIOError.reservedNotZero(at: 3, found: 9)) { try cursor.reservedZero(1, in: bytes.span) }
  }

  @Test(arguments: [[0xC3], [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80]] as [[UInt8]])
  func textIsValidUTF8(_ invalid: [UInt8]) {
    let bytes = [0x41] + invalid
    var cursor = ByteCursor(1..<bytes.count)
    #expect(throws: ByteIOError.notUTF8(at: 1)) { try cursor.string(byteCount: invalid.count, in: bytes.span) }
  }
}
