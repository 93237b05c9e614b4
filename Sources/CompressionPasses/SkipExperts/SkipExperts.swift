import ModelGraph
import PassKit

/// Finds the thresholds by which a running model may do without some of the experts it chose (online dynamic pruning,
/// MC-MoE, arXiv 2410.06270, §3.3).
public struct SkipExperts: ModelPass {
  static let shareOption = PassOption<Double>.fraction(
    "share", in: 0.01...1, default: 0.5, "share of the experts after a token's first that fall below the threshold")
  static let protectOption = PassOption<Double>.fraction(
    "protect", in: 0...1, default: 0.02, "share of the tokens, those with the longest inputs, that keep all experts")

  public static let name = "skip-experts"
  public static let summary = "find out which experts tokens can do without while a model runs"
  public static let options = [shareOption.declaration, protectOption.declaration]
  public static let details = """
    Records two thresholds in every mixture and changes nothing else: `swage-run` uses them with `--skip-experts` and
    without it runs as before. With it, a token goes without the experts whose probability is less than a certain share
    of that of its first; the gates of the others are made to add up again where the model normalises them. That share
    is the quantile `share` of what the calibration text shows, layer by layer, so that about as many of the experts
    after the first are left out (online dynamic pruning of MC-MoE, arXiv 2410.06270). Tokens whose input is longer than
    that of all but the share `protect` keep all their experts. `swage-run score --skip-experts` measures what it costs.

    The thresholds fit the routers of the time: put this step after those that take experts out, which are
    `prune-experts` and `allocate-bits` with `prune` among its candidates.
    """

  private let share: Double
  private let protectedShare: Double

  public init(_ values: OptionValues) {
    share = values[Self.shareOption]
    protectedShare = values[Self.protectOption]
  }

  public var needsCalibration: Bool { true }
  public var calibrationNeed: CalibrationNeed { .none }
  public var evaluatesCandidates: Bool { false }

  public func plan(_ outline: inout OutlineEditor) throws(PassError) {
    let graph = outline.outline.graph
    let mixtures = graph.mixtures.map(\.mixture)
    guard mixtures.contains(where: { $0.activeCount > 1 }) else {
      throw .nothingToDo(
        why: mixtures.isEmpty
          ? "the model has no mixture of experts" : "every token chooses one expert, and cannot do without it",
        fix: "remove this step")
    }
    outline.replaceGraph(
      graph.skippingExperts(mixtures.map { $0.activeCount > 1 ? ExpertSkipping(ratio: 0.5, protectedNorm: 16) : nil }))
    outline.markInexact()
  }

  public func demand(of plan: StepPlan, threadCount: Int) -> WorkDemand {
    // Of a token its length and a ratio for each expert after the first: twice while they are gathered, and sorted.
    let figureCounts = plan.outline.graph.blocks.map { $0.mixtures.reduce(0) { $0 + $1.activeCount } }
    return WorkDemand(tokenByteCount: 3 * MemoryLayout<Float>.size * (figureCounts.max() ?? 0))
  }

  public func run(on editor: ModelEditor) throws -> PreservedAnalyses {
    let found = try editor.mapGateSamples { sample in
      thresholds(from: sample).map { (skipping: $0, leftOut: leftOutShare(of: sample, by: $0)) }
    }
    var table = ReportTable(
      title: "experts that tokens can do without",
      columns: ["layer", "below share", "protected from", "left out"])
    for (placed, found) in zip(editor.graph.mixtures, found) {
      guard let (skipping, leftOut) = found else { continue }
      table.append([
        .text(placed.blockName), .number(Double(skipping.ratio)),
        skipping.protectedNorm.map { .number(Double($0)) } ?? .text("–"), .number(leftOut),
      ])
    }
    editor.report(table)
    try editor.replaceGraph(editor.graph.skippingExperts(found.map { $0?.skipping }))
    return .none
  }

  /// Nil where tokens have one expert, or nothing is below any share.
  private func thresholds(from sample: GateSample) -> ExpertSkipping? {
    guard let ratio = Self.quantile(share, of: sample.ratios), ratio > 0 else { return nil }
    return ExpertSkipping(
      ratio: min(1, ratio),
      protectedNorm: protectedShare > 0 ? Self.quantile(1 - protectedShare, of: sample.norms) : nil)
  }

  /// The share of the experts after the first that calibration tokens would go without.
  private func leftOutShare(of sample: GateSample, by skipping: ExpertSkipping) -> Double {
    let perToken = sample.ratios.count / max(1, sample.norms.count)
    let count = sample.norms.indices.reduce(0) { count, token in
      if let norm = skipping.protectedNorm, sample.norms[token] >= norm { return count }
      return count + sample.ratios[token * perToken..<(token + 1) * perToken].count { $0 < skipping.ratio }
    }
    return Double(count) / Double(max(1, sample.ratios.count))
  }

  /// The element below which a share of `values` lies; nil where there are none.
  private static func quantile(_ share: Double, of values: [Float]) -> Float? {
    let sorted = values.sorted()
    return sorted.isEmpty ? nil : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
  }
}
