import Foundation
import ModelGraph
import TestSupport
import Testing

@testable import CheckpointImport

@Suite struct ArchitectureTests {
  /// Recorded anew with RECORD_GOLDENS=1, and then this test fails so that nobody forgets the switch.
  @Test(arguments: SampleCheckpoint.allCases)
  func graphIsTheGoldenOne(sample: SampleCheckpoint) throws {
    let graph = try Checkpoint.open(path: sample.path).model.graph
    let path = Fixtures.path("golden-ir/\(sample.rawValue).txt")
    if ProcessInfo.processInfo.environment["RECORD_GOLDENS"] == "1" {
      try FileManager.default.createDirectory(atPath: Fixtures.path("golden-ir"), withIntermediateDirectories: true)
      try graph.text.write(toFile: path, atomically: true, encoding: .utf8)
      Issue.record("recorded \(path)")
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == graph.text)
    #expect(try ModelGraph(parsing: graph.text) == graph)
  }

  @Test func catalogNamesAreUnique() {
    let all = ArchitectureCatalog.all
    #expect(Set(all.map { $0.modelType }).count == all.count)
    #expect(Set(all.map { $0.className }).count == all.count)
    #expect(all.count == 9)
  }
}
