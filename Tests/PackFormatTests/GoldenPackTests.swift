import ByteIO
import Foundation
import TestSupport
import Testing

@testable import PackFormat

/// `fixtures/packs/sample-v1.pack` is `SamplePack()` as format version 1 was first written: every later reader reads it.
///
/// It is compared by content, because another release of liblz4 may compress to other bytes.
/// `RECORD_GOLDENS=1` writes it anew, and that run fails.
@Suite struct GoldenPackTests {
  @Test func theFirstPackIsStillReadable() throws {
    let path = Fixtures.path("packs/sample-v1.pack")
    if ProcessInfo.processInfo.environment["RECORD_GOLDENS"] != nil {
      try? FileManager.default.removeItem(atPath: path)
      try SamplePack().write(to: path)
      Issue.record("recorded \(path)")
    }
    let reader = try PackReader(path: path)
    try reader.verifyAll()
    #expect(try PackSnapshot(reader) == PackSnapshot(SamplePack()))
  }
}
