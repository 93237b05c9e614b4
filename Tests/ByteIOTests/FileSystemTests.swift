import Diagnostics
import Foundation
import TestSupport
import Testing

@testable import ByteIO

struct FileSystemTests {
  private let folder = TemporaryFolder()

  @Test func namesAreListedInOrder() throws {
    for name in ["b", "a", ".hidden", "10", "9", "é"] { _ = try folder.file(name, []) }
    #expect(try FileSystem.listDirectory(folder.path) == [".hidden", "10", "9", "a", "b", "é"])
    #expect(throws: ByteIOError.notFound(path: folder.path("none"))) {
      try FileSystem.listDirectory(folder.path("none"))
    }
    #expect(FileSystem.isDirectory(folder.path) && !FileSystem.isDirectory(folder.path("a")))
  }

  @Test func existenceIncludesDanglingLinks() throws {
    #expect(!FileSystem.exists(folder.path("a")))
    #expect(symlink("nowhere", folder.path("a")) == 0)
    #expect(FileSystem.exists(folder.path("a")))
  }

  @Test func smallFilesAreReadUpToTheLimit() throws {
    let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0) }
    let path = try folder.file("small", bytes)
    #expect(try FileSystem.readSmallFile(path, limit: 200_000) == bytes)
    #expect(throws: ByteIOError.fileOverLimit(path: path, byteCount: 200_000, limit: 199_999)) {
      try FileSystem.readSmallFile(path, limit: 199_999)
    }
    #expect(throws: ByteIOError.isDirectory(path: folder.path)) {
      try FileSystem.readSmallFile(folder.path, limit: 1)
    }
  }

  /// Such a file states no size, so the limit has to hold while it is read.
  @Test func endlessFilesAreCutOff() {
    let error = #expect(throws: ByteIOError.self) { try FileSystem.readSmallFile("/dev/zero", limit: 100_000) }
    guard case .fileOverLimit("/dev/zero", _, 100_000) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(arguments: [
    ("a/b", "a", "b"), ("b", ".", "b"), ("/b", "/", "b"), ("/a/b.swage", "/a", "b.swage"), ("a//b", "a/", "b"),
  ])
  func pathsAreTakenApart(path: String, folder: String, name: String) {
    #expect(FileSystem.folder(of: path) == folder)
    #expect(FileSystem.name(of: path) == name)
  }

  @Test func freeSpaceIsThatOfTheSystem() throws {
    let expected = try #require(
      FileManager.default.attributesOfFileSystem(forPath: folder.path)[.systemFreeSize] as? NSNumber)
    let free = try FreeSpace.byteCount(atFolder: folder.path)
    #expect(abs(free - expected.intValue) <= expected.intValue / 4)
    #expect(throws: ByteIOError.notFound(path: folder.path("none"))) {
      try FreeSpace.byteCount(atFolder: folder.path("none"))
    }
  }

  @Test func peakMemoryCountsWhatWasTouched() {
    let byteCount = 64 << 20
    let bytes = [UInt8](repeating: 1, count: byteCount)
    #expect(PeakMemory.residentByteCount >= byteCount)
    #expect(bytes[byteCount / 2] == 1)
  }

  @Test func everyErrorHasItsOwnCodeAndAllItsWords() {
    let errors: [ByteIOError] = [
      .notFound(path: "p"), .isDirectory(path: "p"), .notARegularFile(path: "p"), .permissionDenied(path: "p"),
      .readFailed(path: "p", errorNumber: EIO), .changedWhileOpen(path: "p", expectedByteCount: 1, foundByteCount: 2),
      .fileOverLimit(path: "p", byteCount: 2, limit: 1), .destinationExists(path: "p"), .destinationNotAFile(path: "p"),
      .folderMissing(path: "p"), .cannotCreate(path: "p", errorNumber: EROFS),
      .diskFull(path: "p", neededByteCount: 5, availableByteCount: nil), .writeFailed(path: "p", errorNumber: EIO),
      .truncated(at: 1, neededByteCount: 2, availableByteCount: 1), .reservedNotZero(at: 1, found: 1), .notUTF8(at: 1),
      .countTooLarge(at: 1, found: 1 << 63), .frameMalformed(reason: "r"), .frameWithoutChecksum,
      .frameWrongByteCount(expected: 1, found: 2), .frameOverLimit(byteCount: 2, limit: 1),
      .frameTrailingBytes(byteCount: 1), .compressionFailed(reason: "r"), .noMemory(byteCount: 1),
    ]
    let diagnoses = errors.map(\.diagnosis)
    #expect(Set(diagnoses.map(\.code)).count == errors.count)
    for diagnosis in diagnoses {
      for words in [diagnosis.what, diagnosis.place, diagnosis.why, diagnosis.fix] {
        #expect(!words.isEmpty, "\(diagnosis.code)")
      }
    }
    #expect(ByteIOError.readFailed(path: "p", errorNumber: EIO).diagnosis.why == "Input/output error")
  }
}
