import Diagnostics
import ModelGraph
import PassKit

/// Takes the blocks out that change the hidden states least (block influence of ShortGPT, arXiv 2403.03853).
public struct DropBlocks: ModelPass {
  /// By what blocks are judged.
  enum Metric: String, CaseIterable, Sendable {
    /// 1 − the mean cosine between what enters and what leaves a block.
    case influence
  }

  static let metricOption = PassOption<Metric>.choice("metric", default: .influence, "by what blocks are judged")
  static let countOption = PassOption<Int>.integer("count", in: 1...1_000_000, "blocks to take out")

  public static let name = "drop-blocks"
  public static let summary = "take out the blocks that change the hidden states least"
  public static let options = [metricOption.declaration, countOption.declaration]
  public static let details = """
    The influence of a block is 1 minus the mean cosine between a token's hidden state before and after it, over the
    calibration text, all blocks still in place. The blocks with the least influence go, at most all but one; embedding
    and head stay. The other blocks and their parameters keep their names. Which blocks go is known only after the run:
    a plan shows the last ones. Bits per weight are of the weights that are left; the share of the checkpoint that the
    report also gives counts what went.
    """

  private let count: Int

  public init(_ values: OptionValues) { count = values[Self.countOption] }

  public var needsCalibration: Bool { true }
  public var calibrationNeed: CalibrationNeed { .none }
  public var evaluatesCandidates: Bool { false }

  public func plan(_ outline: inout OutlineEditor) throws(PassError) {
    try outline.requireNoProfiles()
    let graph = outline.outline.graph
    let removable = graph.removableBlocks
    guard removable.count > count else {
      throw .nothingToDo(
        why: "count=\(count), and of the \(removable.count) blocks that can be taken out one must stay",
        fix: removable.count > 1 ? "use a count of at most \(removable.count - 1)" : "remove this step")
    }
    outline.replaceGraph(graph.removingBlocks(removable.suffix(count)))
    outline.markInexact()
  }

  public func run(on editor: ModelEditor) throws -> PreservedAnalyses {
    let graph = editor.graph
    let removable = Set(graph.removableBlocks)
    let influences = try editor.blockInfluences { removable.contains($0) }
    let ranked = influences.indices
      .compactMap { index in influences[index].map { (index: index, influence: $0) } }
      .sorted { $0.influence != $1.influence ? $0.influence < $1.influence : $0.index > $1.index }
    let dropped = ranked.prefix(count).map(\.index)
    var table = ReportTable(title: "block influence", columns: ["block", "influence", "verdict"])
    for entry in ranked {
      table.append([
        .text(graph.blocks[entry.index].name), .number(entry.influence),
        .text(dropped.contains(entry.index) ? "dropped" : "kept"),
      ])
    }
    editor.report(table)
    editor.note("dropped \(dropped.sorted().map { graph.blocks[$0].name }.joined(separator: ", "))")
    try editor.replaceGraph(graph.removingBlocks(dropped))
    return .none
  }
}
