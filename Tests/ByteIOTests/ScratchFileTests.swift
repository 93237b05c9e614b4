import Foundation
import TensorCore
import TestSupport
import Testing

@testable import ByteIO

struct ScratchFileTests {
  private let folder = TemporaryFolder()

  private func bytes(_ seed: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ seed) }
  }

  private func copy(_ storage: any ByteStorage) -> [UInt8] {
    storage.withBytes { span in (0..<span.count).map { span[$0] } }
  }

  @Test func whatIsStoredReadsBackAndTheFolderStaysEmpty() throws {
    let scratch = try ScratchFile(folder: folder.path)
    let counts = [0, 1, 63, 64, 65, 4_095, 4_096, 4_097, 100_000, 3]
    let stored = try counts.enumerated().map { try scratch.append(bytes($0, $1).span) }
    #expect(try folder.names == [])
    for (index, count) in counts.enumerated() {
      #expect(stored[index].byteCount == count)
      #expect(copy(stored[index]) == bytes(index, count))
    }
  }

  @Test func whatIsStoredOutlivesItsFile() throws {
    var scratch: ScratchFile? = try ScratchFile(folder: folder.path)
    let stored = try scratch?.append(bytes(1, 10_000).span)
    scratch = nil
    #expect(stored.map(copy) == bytes(1, 10_000))
  }

  @Test func storedBytesAreResidentOnlyWhileTheyAreRead() throws {
    let scratch = try ScratchFile(folder: folder.path)
    let byteCount = 8 << 20
    let content = [UInt8](repeating: 5, count: byteCount)
    let stored = try scratch.append(content.span)
    #expect(try residentByteCount(ofFilesNamed: folder.path) == 0)
    #expect(copy(stored) == content)
    #expect(try residentByteCount(ofFilesNamed: folder.path) == byteCount)
    stored.release(0..<byteCount)
    #expect(try residentByteCount(ofFilesNamed: folder.path) == 0)
    #expect(stored.withBytes(byteCount - 1..<byteCount) { $0[0] } == 5)
  }

  @Test func droppedBytesGiveTheirDiskSpaceBack() throws {
    let scratch = try ScratchFile(folder: folder.path)
    func occupied() -> Int {
      var status = stat()
      #expect(fstat(scratch.descriptor.number, &status) == 0)
      return Int(status.st_blocks) * 512
    }
    let kept = try scratch.append(bytes(1, 100_001).span)
    do {
      let dropped = try scratch.append(bytes(2, (1 << 20) + 1).span)
      #expect(occupied() >= dropped.byteCount + kept.byteCount)
    }
    let rest = occupied()
    #expect(rest < 1 << 18)
    for round in 0..<50 { _ = try scratch.append(bytes(round, 4_097).span) }
    #expect(occupied() == rest)
    #expect(copy(kept) == bytes(1, 100_001))
  }

  @Test func threadsMayStoreAtOnce() async throws {
    let scratch = try ScratchFile(folder: folder.path)
    let results = try await withThrowingTaskGroup(of: (Int, any ByteStorage).self) { group in
      for index in 0..<64 {
        let content = bytes(index, 1_000 * index)
        group.addTask { (index, try scratch.append(content.span)) }
      }
      return try await group.reduce(into: [Int: any ByteStorage]()) { $0[$1.0] = $1.1 }
    }
    for index in 0..<64 { #expect(results[index].map(copy) == bytes(index, 1_000 * index)) }
  }

  @Test func aFullDiskIsAnError() throws {
    let scratch = try ScratchFile(folder: folder.path)
    let full = open("/dev/full", O_RDWR)
    #expect(full >= 0)
    defer { close(full) }
    _ = try scratch.append([1].span)
    #expect(dup2(full, scratch.descriptor.number) >= 0)
    let error = #expect(throws: ByteIOError.self) { try scratch.append([1, 2].span) }
    guard case .diskFull(folder.path, 2, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func aMissingFolderIsNamed() {
    #expect(throws: ByteIOError.folderMissing(path: folder.path("none"))) {
      try ScratchFile(folder: folder.path("none"))
    }
  }
}
