import ByteIO
import TensorCore
import Testing

/// Expected values are from python-xxhash, which carries its own copy of the algorithm. Byte i of an input is i·7+3.
struct ChecksumTests {
  private static func input(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3) } }

  @Test(
    arguments: [
      (0, 0x2D06800538D394C2), (1, 0x13E608BC156DEFED), (3, 0xA9088DDA485B481C),
      (8, 0x60539DB630471163), (16, 0xB8C859B0F030B585), (17, 0x714A04408E79B80F),
      (128, 0x67425A03650261BF), (129, 0xC664BF3311C6ABC4), (240, 0x64556DC6B462A6CF),
      (241, 0x8BEADD3A8874FE17), (1024, 0x9B81661C641C72B1), (5000, 0x799AADDD7339581D),
    ] as [(Int, UInt64)])
  func valuesAreThoseOfTheReference(count: Int, expected: UInt64) {
    let bytes = Self.input(count)
    #expect(Checksum.xxh3(bytes.span) == expected)
    #expect(Checksum.xxh3(InMemoryBytes(bytes), 0..<count) == expected)
    for step in [1, 7, 256, 1_000] {
      let running = RunningChecksum()
      for start in stride(from: 0, to: count, by: step) {
        running.update(bytes.span.extracting(start..<min(count, start + step)))
      }
      #expect(running.value == expected)
    }
  }

  @Test func aRangeIsTheSumOfItsBytesAlone() {
    let bytes = Self.input(3_000_000)
    #expect(
      Checksum.xxh3(InMemoryBytes(bytes), 17..<2_500_001) == Checksum.xxh3(bytes.span.extracting(17..<2_500_001)))
  }
}
