import Foundation
import TensorCore
import TestSupport
import Testing

@testable import ByteIO

@Suite struct ReadableBytesTests {
  private let folder = TemporaryFolder()
  private let pool = PagePool()
  private let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

  private func array(_ buffer: PageBuffer) -> [UInt8] {
    buffer.withBytes { bytes in bytes.indices.map { bytes[$0] } }
  }

  @Test(arguments: [0..<0, 0..<1, 4_095..<4_097, 5_000..<99_999, 0..<100_000])
  func buffersHoldTheirRange(range: Range<Int>) throws {
    let expected = Array(bytes[range])
    let file = try MappedFile(path: folder.file("bytes", bytes))
    #expect(try array(PageBuffer(reading: range, of: file, pool: pool)) == expected)
    let inMemory = try PageBuffer(reading: range, of: InMemoryBytes(bytes), pool: pool)
    #expect(array(inMemory) == expected && inMemory.byteCount == range.count)
    guard range.count > 10 else { return }
    #expect(inMemory.withBytes(3..<10) { part in part.indices.map { part[$0] } } == Array(expected[3..<10]))
  }

  @Test func memoryIsInWholePages() {
    #expect([0, 1, 4_096, 4_097].map(PageBuffer.memoryByteCount) == [0, 4_096, 4_096, 8_192])
  }

  @Test func readingMapsNothing() throws {
    let path = try folder.file("read", [UInt8](repeating: 1, count: 4 << 20))
    let file = try MappedFile(path: path)
    _ = try PageBuffer(reading: 0..<4 << 20, of: file, pool: pool)
    #expect(try residentByteCount(ofFilesNamed: path) == 0)
  }

  /// Buffers of two sizes by turns: what one leaves behind is of no use to the next, and does not stay.
  @Test func pagesThatDoNotFitAreGivenBack() throws {
    let file = InMemoryBytes([UInt8](repeating: 3, count: 1 << 20))
    func mappingCount() throws -> Int {
      try FileSystem.readSmallFile("/proc/self/maps", limit: 1 << 26).count { $0 == UInt8(ascii: "\n") }
    }
    let before = try mappingCount()
    for turn in 0..<4_000 {
      _ = try PageBuffer(reading: 0..<(turn.isMultiple(of: 2) ? 8_192 : 20_000), of: file, pool: pool)
    }
    #expect(try mappingCount() < before + 500)
  }

  @Test func aBufferThatTakesOverPagesHasItsOwnBytes() throws {
    let file = InMemoryBytes(bytes)
    for start in stride(from: 0, to: 90_000, by: 999) {
      let range = start..<start + 4_097 + start % 4_000
      #expect(try array(PageBuffer(reading: range, of: file, pool: pool)) == Array(bytes[range]))
    }
  }

  @Test func aShortenedFileIsAnErrorAndNoSignal() throws {
    let path = try folder.file("short", bytes)
    let file = try MappedFile(path: path)
    #expect(truncate(path, 50_000) == 0)
    let expected = ByteIOError.changedWhileOpen(path: path, expectedByteCount: 100_000, foundByteCount: 50_000)
    // Also where the bytes asked for are still there: what is mapped behind them is not.
    for range in [0..<10, 49_990..<50_010, 60_000..<60_010] {
      #expect(throws: expected) { try PageBuffer(reading: range, of: file, pool: pool) }
    }
    #expect(expected.diagnosis.status == .ioFailure)
  }

  @Test func theOpenFileIsReadEvenWhenItsNameIsGone() throws {
    let path = try folder.file("gone", bytes)
    let file = try MappedFile(path: path)
    #expect(unlink(path) == 0)
    #expect(try array(PageBuffer(reading: 7..<77, of: file, pool: pool)) == Array(bytes[7..<77]))
  }
}
