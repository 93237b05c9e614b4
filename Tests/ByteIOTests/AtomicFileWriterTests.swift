import Foundation
import TensorCore
import TestSupport
import Testing

@testable import ByteIO

/// Every test runs with a nameless temporary file and with a named one.
struct AtomicFileWriterTests {
  private let folder = TemporaryFolder()

  @Test(arguments: [true, false])
  func theFileAppearsWithItsCommitAndNotBefore(nameless: Bool) throws {
    let writer = try AtomicFileWriter(path: folder.path("out"), replacing: false, nameless: nameless)
    try writer.append([1, 2, 3].span)
    try writer.align(to: 8)
    try writer.align(to: 8)
    try writer.append(InMemoryBytes(Array(10..<20)), 4..<7)
    #expect(writer.position == 11)
    #expect(try folder.names == (nameless ? [] : [".out.partial-\(getpid())"]))
    try writer.commit()
    #expect(try folder.names == ["out"])
    #expect(try folder.contents("out") == [1, 2, 3, 0, 0, 0, 0, 0, 14, 15, 16])
    var status = stat()
    #expect(stat(folder.path("out"), &status) == 0 && status.st_mode & 0o400 != 0 && status.st_nlink == 1)
  }

  @Test(arguments: [true, false])
  func aWriterDroppedOrAbandonedLeavesNothing(nameless: Bool) throws {
    do {
      let writer = try AtomicFileWriter(path: folder.path("out"), replacing: false, nameless: nameless)
      try writer.append([1].span)
    }
    #expect(try folder.names == [])
    let writer = try AtomicFileWriter(path: folder.path("out"), replacing: false, nameless: nameless)
    try writer.append([1].span)
    writer.abandon()
    writer.abandon()
    #expect(try folder.names == [])
  }

  @Test(arguments: [true, false])
  func whatIsWrittenCanBeReadBeforeTheCommit(nameless: Bool) throws {
    let writer = try AtomicFileWriter(path: folder.path("out"), replacing: false, nameless: nameless)
    try writer.append([5, 6].span)
    let early = try writer.mapped()
    #expect(early.byteCount == 2)
    try writer.append([7].span)
    #expect(early.withBytes { [$0[0], $0[1]] } == [5, 6])
    let later = try writer.mapped()
    try writer.commit()
    #expect(later.withBytes { [$0[0], $0[1], $0[2]] } == [5, 6, 7])
    #expect(try folder.contents("out") == [5, 6, 7])
  }

  @Test(arguments: [true, false])
  func anExistingFileIsReplacedOnlyWhenAsked(nameless: Bool) throws {
    let path = try folder.file("out", [9])
    let error = #expect(throws: ByteIOError.destinationExists(path: path)) {
      try AtomicFileWriter(path: path, replacing: false, nameless: nameless)
    }
    #expect(error?.diagnosis.status == .cannotCreate)
    let writer = try AtomicFileWriter(path: path, replacing: true, nameless: nameless)
    try writer.append([1, 2].span)
    #expect(try folder.contents("out") == [9])
    try writer.commit()
    #expect(try folder.contents("out") == [1, 2])
    #expect(try folder.names == ["out"])
  }

  @Test(arguments: [true, false])
  func aFileThatAppearsMeanwhileSurvives(nameless: Bool) throws {
    let writer = try AtomicFileWriter(path: folder.path("out"), replacing: false, nameless: nameless)
    try writer.append([1].span)
    let path = try folder.file("out", [9])
    #expect(throws: ByteIOError.destinationExists(path: path)) { try writer.commit() }
    #expect(try folder.names == ["out"])
    #expect(try folder.contents("out") == [9])
  }

  @Test func aStaleTemporaryFileIsNoObstacle() throws {
    let stale = ".out.partial-\(getpid())"
    _ = try folder.file(stale, [1])
    _ = try folder.file("out", [9])
    for nameless in [true, false] {
      let writer = try AtomicFileWriter(path: folder.path("out"), replacing: true, nameless: nameless)
      try writer.append([2].span)
      try writer.commit()
    }
    #expect(try folder.names == [stale, "out"])
    #expect(try folder.contents("out") == [2])
  }

  @Test func placesThatCannotTakeAFileAreRefusedByKind() throws {
    #expect(throws: ByteIOError.folderMissing(path: folder.path("none"))) {
      try AtomicFileWriter(path: folder.path("none/out"))
    }
    let plain = try folder.file("plain", [])
    #expect(throws: ByteIOError.folderMissing(path: plain)) { try AtomicFileWriter(path: plain + "/out") }
    #expect(throws: ByteIOError.destinationNotAFile(path: folder.path)) {
      try AtomicFileWriter(path: folder.path, replacing: true)
    }
    #expect(throws: ByteIOError.destinationNotAFile(path: "/dev/null")) {
      try AtomicFileWriter(path: "/dev/null", replacing: true)
    }
    #expect(chmod(folder.path, 0o555) == 0)
    defer { chmod(folder.path, 0o755) }
    let error = try asOrdinaryUser {
      #expect(throws: ByteIOError.self) { try AtomicFileWriter(path: folder.path("out")) }
    }
    #expect(error == .cannotCreate(path: folder.path("out"), errorNumber: EACCES))
    #expect(error?.diagnosis.status == .cannotCreate)
  }

  /// The writer's descriptor is made to lead to `/dev/full`, where every write meets a full disk.
  @Test(arguments: [true, false])
  func aFullDiskIsNamedAndNothingIsLeft(nameless: Bool) throws {
    let path = folder.path("out")
    var thrown: ByteIOError?
    do {
      let writer = try AtomicFileWriter(path: path, replacing: false, nameless: nameless)
      try writer.append([1, 2, 3].span)
      let full = open("/dev/full", O_RDWR)
      #expect(full >= 0 && dup2(full, writer.descriptorNumber) >= 0)
      close(full)
      let bytes = [UInt8](repeating: 1, count: 1_000)
      thrown = #expect(throws: ByteIOError.self) { try writer.append(bytes.span) }
    }
    guard case .diskFull(path, 1_000, _) = thrown else {
      Issue.record("\(String(describing: thrown))")
      return
    }
    #expect(thrown?.diagnosis.status == .ioFailure)
    #expect(thrown?.diagnosis.why.hasPrefix("1000 more bytes had to be written") == true)
    #expect(try folder.names == [])
  }

  @Test func anyOtherFailureToWriteIsNamed() throws {
    let writer = try AtomicFileWriter(path: folder.path("out"))
    let readOnly = open("/dev/zero", O_RDONLY)
    #expect(readOnly >= 0 && dup2(readOnly, writer.descriptorNumber) >= 0)
    close(readOnly)
    #expect(throws: ByteIOError.writeFailed(path: folder.path("out"), errorNumber: EBADF)) {
      try writer.append([1].span)
    }
  }

  @Test func aLongRangeIsCopiedInPieces() throws {
    let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    let source = try MappedFile(path: folder.file("source", bytes))
    let writer = try AtomicFileWriter(path: folder.path("out"))
    try writer.append(source, 1..<2_999_999)
    #expect(try residentByteCount(ofFilesNamed: folder.path("source")) == 0)
    try writer.commit()
    #expect(try folder.contents("out") == Array(bytes[1..<2_999_999]))
  }

  @Test func aTruncatedFileGoesOnFromThere() throws {
    let writer = try AtomicFileWriter(path: folder.path("out"))
    try writer.append([1, 2, 3, 4, 5].span)
    try writer.truncate(to: 2)
    #expect(writer.position == 2)
    try writer.append([9].span)
    try writer.commit()
    #expect(try folder.contents("out") == [1, 2, 9])
  }
}
