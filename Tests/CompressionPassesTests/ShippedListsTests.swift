import CompressionPasses
import Foundation
import ModelIR
import PassKit
import TestSupport
import Testing

@Suite struct ShippedListsTests {
  private static let folder = Fixtures.repository + "/passes/"
  private static let files = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()

  @Test func thereAreLists() {
    #expect(
      Self.files == [
        "balanced-4bit.yaml", "edge-experts.yaml", "everything.yaml", "experts-0.8bit.yaml", "experts-2.5bit.yaml",
        "half-experts-4bit.yaml", "half.yaml", "low-rank-4bit.yaml", "mixed-1percent.yaml", "near-lossless-8bit.yaml", "quick-4bit.yaml", "small-3bit.yaml",
        "sparse-4bit.yaml", "tiny-2bit.yaml", "tiny-experts.yaml",
      ])
  }

  @Test(arguments: files)
  func everyListSaysWhatItIsForAndCanBePlanned(file: String) throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: Self.folder + file))
    #expect(bytes.first == UInt8(ascii: "#"))
    let list = try PassList(parsing: Array(bytes), path: Self.folder + file, catalog: .standard)
    #expect(list.folder == Self.folder)
    let model = try SyntheticModel(width: 128, expertWidth: 128, expertCount: 8, activeCount: 2).model()
    let plan = try PassPlan(list.steps, on: ModelOutline(of: model))
    let deciding = ["allocate-bits", "prune-experts", "skip-experts"]
    #expect(plan.steps.allSatisfy { !$0.assignments.isEmpty || deciding.contains($0.step.name) })
    #expect(try PassList(parsing: Array(list.printed.utf8), path: "a", catalog: .standard) == list)
  }
}
