import Foundation
import TensorCore
import TestSupport
import Testing

@testable import ByteIO

struct MappedFileTests {
  private let folder = TemporaryFolder()
  /// The most that one page fault brings in.
  private static let hugePageByteCount = 2 << 20

  @Test func bytesAreLentByRange() throws {
    let file = try MappedFile(path: folder.file("bytes", Array(0...255)))
    #expect(file.byteCount == 256)
    #expect(file.withBytes(100..<103) { [$0[0], $0[1], $0[2]] } == [100, 101, 102])
    #expect(file.withBytes { $0.count } == 256)
    #expect(file.withBytes(256..<256) { $0.isEmpty })
  }

  @Test func anEmptyFileIsAnEmptyStorage() throws {
    let file = try MappedFile(path: folder.file("empty", []))
    #expect(file.byteCount == 0)
    #expect(file.withBytes { $0.isEmpty })
    file.release(0..<0)
    file.prefetch(0..<0)
  }

  @Test func whatCannotBeMappedIsRefusedByKind() throws {
    let missing = folder.path("missing")
    #expect(throws: ByteIOError.notFound(path: missing)) { try MappedFile(path: missing) }
    #expect(throws: ByteIOError.isDirectory(path: folder.path)) { try MappedFile(path: folder.path) }
    let inside = try folder.file("plain", [1]) + "/inside"
    #expect(throws: ByteIOError.notFound(path: inside)) { try MappedFile(path: inside) }
    let pipe = folder.path("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    #expect(throws: ByteIOError.notARegularFile(path: pipe)) { try MappedFile(path: pipe) }
    let link = folder.path("link")
    #expect(symlink("nowhere", link) == 0)
    #expect(throws: ByteIOError.notFound(path: link)) { try MappedFile(path: link) }
  }

  @Test func anUnreadableFileIsRefusedByName() throws {
    let path = try folder.file("secret", [1])
    #expect(chmod(path, 0) == 0)
    let error = try asOrdinaryUser { #expect(throws: ByteIOError.self) { try MappedFile(path: path) } }
    #expect(error == .permissionDenied(path: path))
    #expect(error?.diagnosis.status == .missingInput)
  }

  @Test func releasedRangesLeaveTheResidentSetAndStayReadable() throws {
    let byteCount = 8 << 20
    let path = try folder.file("large", [UInt8](repeating: 7, count: byteCount))
    let file = try MappedFile(path: path)
    func sum(_ range: Range<Int>) -> Int {
      file.withBytes(range) { bytes in
        var sum = 0
        for index in 0..<bytes.count { sum += Int(bytes[index]) }
        return sum
      }
    }
    #expect(sum(0..<byteCount) == 7 * byteCount)
    #expect(try residentByteCount(ofFilesNamed: path) == byteCount)
    file.release(0..<byteCount / 2)
    let rest = try residentByteCount(ofFilesNamed: path)
    #expect(rest <= byteCount / 2 && rest >= byteCount / 2 - Self.hugePageByteCount)
    #expect(sum(0..<byteCount) == 7 * byteCount)
    #expect(try residentByteCount(ofFilesNamed: path) == byteCount)
  }

  /// Thousands of small tensors side by side must not leave a page each behind.
  @Test func releasingSmallRangesOneByOneLeavesNothing() throws {
    let byteCount = 4 << 20, step = 5_000
    let path = try folder.file("many", [UInt8](repeating: 1, count: byteCount))
    let file = try MappedFile(path: path)
    for start in stride(from: 0, to: byteCount, by: step) {
      let range = start..<min(byteCount, start + step)
      #expect(file.withBytes(range) { Int($0[0]) + Int($0[$0.count - 1]) } == 2)
      file.release(range)
    }
    #expect(try residentByteCount(ofFilesNamed: path) == 0)
  }

  @Test func aLongReadInChunksHoldsOneChunkAtATime() throws {
    let byteCount = 32 << 20
    let path = try folder.file("chunks", [UInt8](repeating: 3, count: byteCount))
    let file = try MappedFile(path: path)
    var lengths: [Int] = [], largest = 0
    try file.forEachChunk(of: 5..<byteCount, chunkByteCount: 1 << 20) { bytes in
      for index in 0..<bytes.count where bytes[index] != 3 { Issue.record("byte \(index) is \(bytes[index])") }
      lengths.append(bytes.count)
      largest = max(largest, try residentByteCount(ofFilesNamed: path))
    }
    #expect(lengths == [Int](repeating: 1 << 20, count: 31) + [(1 << 20) - 5])
    #expect(largest >= 1 << 20)
    #expect(largest <= (1 << 20) + 2 * Self.hugePageByteCount)
    #expect(try residentByteCount(ofFilesNamed: path) == 0)
  }

  @Test func anErrorEndsAChunkedRead() throws {
    let file = InMemoryBytes([UInt8](repeating: 0, count: 10))
    var visited = 0
    #expect(throws: ByteIOError.notUTF8(at: 2)) {
      try file.forEachChunk(of: 0..<10, chunkByteCount: 1) { _ throws(ByteIOError) in
        visited += 1
        if visited == 2 { throw .notUTF8(at: 2) }
      }
    }
    #expect(visited == 2)
  }
}

/// Runs `body` on this thread without the privileges of root, if the tests have them.
///
/// `setfsuid` changes what this thread alone may do with files; Swift's C library module leaves it out.
func asOrdinaryUser<Result>(_ body: () -> Result) throws -> Result {
  let address = try #require(dlsym(nil, "setfsuid"))
  let setFileUser = unsafeBitCast(address, to: (@convention(c) (UInt32) -> Int32).self)
  let user = geteuid()
  _ = setFileUser(user == 0 ? 65_534 : user)
  defer { _ = setFileUser(user) }
  return body()
}
