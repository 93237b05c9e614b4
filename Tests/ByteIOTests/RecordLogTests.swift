import Foundation
import TestSupport
import Testing

@testable import ByteIO

@Suite struct RecordLogTests {
  private let folder = TemporaryFolder()
  private let records: [[UInt8]] = [[], [1], Array(0..<200), [UInt8](repeating: 7, count: 70_000), [9, 9]]

  private var path: String { folder.path("log") }

  private func write() throws {
    let log = try RecordLog(path: path)
    #expect(log.found == [])
    for record in records { try log.append(record) }
  }

  @Test func recordsReadBack() throws {
    try write()
    let log = try RecordLog(path: path)
    #expect(log.found == records)
    try log.append([5])
    #expect(throws: ByteIOError.inUse(path: path)) { try RecordLog(path: path) }
  }

  /// Cut at every byte of the small records and around every boundary, then written on.
  @Test func aTornEndIsDropped() throws {
    try write()
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    var ends = [0]
    for record in records { ends.append(ends[ends.count - 1] + 16 + record.count) }
    #expect(whole.count == ends[ends.count - 1])
    let cuts = Set((0...240) + ends.flatMap { [$0 - 1, $0, $0 + 1, $0 + 20] }).filter { (0...whole.count).contains($0) }
    for cut in cuts.sorted() {
      try whole.prefix(cut).write(to: URL(fileURLWithPath: path))
      let expected = records.prefix(ends.filter { $0 <= cut }.count - 1)
      do {
        let log = try RecordLog(path: path)
        #expect(log.found == Array(expected), "cut at \(cut)")
        try log.append([1, 2, 3])
      }
      #expect(try RecordLog(path: path).found == expected + [[1, 2, 3]], "cut at \(cut)")
    }
  }

  @Test func aDamagedRecordEndsTheLog() throws {
    try write()
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[16 + 17 + 16 + 100] ^= 1  // within the third record
    try bytes.write(to: URL(fileURLWithPath: path))
    #expect(try RecordLog(path: path).found == Array(records.prefix(2)))
  }

  @Test func recordsAreTakenBack() throws {
    try write()
    do {
      let log = try RecordLog(path: path)
      try log.truncate(toRecordCount: 2)
      try log.append([4])
    }
    #expect(try RecordLog(path: path).found == [[], [1], [4]])
  }

  @Test func whatIsNotAFileIsRefused() throws {
    #expect(throws: ByteIOError.folderMissing(path: folder.path("none"))) {
      try RecordLog(path: folder.path("none/log"))
    }
    #expect(mkfifo(path, 0o600) == 0)
    #expect(throws: ByteIOError.notARegularFile(path: path)) { try RecordLog(path: path) }
    #expect(throws: ByteIOError.notARegularFile(path: path)) {
      try FileSystem.readSmallFile(path, limit: 10, allowsPipes: false)
    }
  }
}
