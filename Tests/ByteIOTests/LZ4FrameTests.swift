import ByteIO
import TensorCore
import Testing

struct LZ4FrameTests {
  /// `the quick brown fox ` twenty times, compressed by python-lz4 at level 9 with content size and checksum.
  private static let foreignFrame: [UInt8] = [
    4, 34, 77, 24, 108, 64, 144, 1, 0, 0, 0, 0, 0, 0, 95, 32, 0, 0, 0, 255, 5, 116, 104, 101, 32, 113, 117, 105, 99,
    107,
    32, 98, 114, 111, 119, 110, 32, 102, 111, 120, 32, 20, 0, 255, 101, 80, 32, 102, 111, 120, 32, 0, 0, 0, 0,
    10, 188, 140, 251,
  ]
  /// The same text with content size but without checksum.
  private static let frameWithoutChecksum: [UInt8] =
    [4, 34, 77, 24, 104, 64, 144, 1, 0, 0, 0, 0, 0, 0, 214] + foreignFrame[15..<55]
  private static let text = [UInt8](String(repeating: "the quick brown fox ", count: 20).utf8)

  private static func content(_ count: Int, distinct: Int) -> [UInt8] {
    var random = SplitMix64(seed: UInt64(count))
    return (0..<count).map { _ in UInt8(Int(random.next() >> 33) % distinct) }
  }

  @Test(arguments: [0, 1, 12, 1_000, 65_536, 5_000_000], [1, 4, 256])
  func contentSurvivesTheRoundTrip(count: Int, distinct: Int) throws {
    let content = Self.content(count, distinct: distinct)
    let frame = try LZ4Frame.compress(content.span)
    #expect(try LZ4Frame.compress(content.span) == frame)
    #expect(try LZ4Frame.decompress(frame.span, expectedByteCount: count) == content)
    #expect(frame.count <= count + count / 1_000 + 32)
    if distinct == 1, count >= 1_000 { #expect(frame.count < count / 15) }
  }

  @Test func aFrameOfAnotherLibraryDecodes() throws {
    #expect(try LZ4Frame.decompress(Self.foreignFrame.span, expectedByteCount: 400) == Self.text)
    #expect(try LZ4Frame.compress(Self.text.span).count == Self.foreignFrame.count)
  }

  @Test func theLengthIsCheckedAgainstWhatIsExpected() {
    #expect(throws: ByteIOError.frameWrongByteCount(expected: 399, found: 400)) {
      try LZ4Frame.decompress(Self.foreignFrame.span, expectedByteCount: 399)
    }
    #expect(throws: ByteIOError.frameOverLimit(byteCount: 400, limit: 399)) {
      try LZ4Frame.decompress(Self.foreignFrame.span, expectedByteCount: 400, limit: 399)
    }
  }

  @Test func aChecksumIsRequired() {
    #expect(throws: ByteIOError.frameWithoutChecksum) {
      try LZ4Frame.decompress(Self.frameWithoutChecksum.span, expectedByteCount: 400)
    }
  }

  @Test func bytesAfterTheFrameAreRefused() {
    let frame = Self.foreignFrame + [0, 0, 0]
    #expect(throws: ByteIOError.frameTrailingBytes(byteCount: 3)) {
      try LZ4Frame.decompress(frame.span, expectedByteCount: 400)
    }
  }

  @Test func truncationAtEveryLengthIsRefused() {
    for count in 0..<Self.foreignFrame.count {
      let frame = Array(Self.foreignFrame[..<count])
      let error = #expect(throws: ByteIOError.self, "\(count) bytes") {
        try LZ4Frame.decompress(frame.span, expectedByteCount: 400)
      }
      guard case .frameMalformed = error else { Issue.record("\(count) bytes: \(String(describing: error))"); continue }
    }
  }

  /// A few bits of LZ4's last token mean nothing; everything else has to be noticed.
  @Test func noChangedBitAltersTheContent() {
    var unnoticed: [Int] = []
    for bit in 0..<Self.foreignFrame.count * 8 {
      var frame = Self.foreignFrame
      frame[bit / 8] ^= 1 << UInt8(bit % 8)
      guard let content = try? LZ4Frame.decompress(frame.span, expectedByteCount: 400) else { continue }
      #expect(content == Self.text, "bit \(bit)")
      unnoticed.append(bit / 8)
    }
    #expect(Set(unnoticed).isSubset(of: [45]))
  }

  /// The header claims 2⁴⁰ bytes, with a valid header checksum; nothing of that size may be allocated.
  @Test func aBombIsRefusedBeforeItIsAllocated() {
    let claim: [UInt8] = [4, 34, 77, 24, 108, 64, 0, 0, 0, 0, 0, 1, 0, 0, 205] + Self.foreignFrame[15...]
    let error = #expect(throws: ByteIOError.self) {
      try LZ4Frame.decompress(claim.span, expectedByteCount: 1 << 40, limit: 1 << 41)
    }
    #expect(error == .frameMalformed(reason: "59 bytes cannot hold 1099511627776"))
  }
}
