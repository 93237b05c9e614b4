import ModelGraph
import PassKit

/// Takes the experts out of mixtures that matter least on the calibration text.
public struct PruneExperts: ModelPass {
  public static let name = "prune-experts"
  public static let summary = "take out the experts that matter least"
  public static let options = PruneExpertsOptions.declarations
  public static let details = """
    One run over the calibration text, all experts still in place, tells how every mixture uses its experts. `share` or
    `count` says how many stay; a mixture keeps at least as many as it chooses for a token. Their rows of the router go
    with them; a token chooses as many experts as before, among those that are left. Shared experts stay. The others
    keep their numbers: `inspect` shows `numbers=0,3,5..7`.

    `metric=reap` judges an expert by the mean of gate · ‖output‖ over its tokens (arXiv 2510.13999), `frequency` by how
    many tokens choose it, `weighted` by the sum of its gates, `tcess` by the mean over all tokens of the router's
    probability where it is chosen (arXiv 2505.17639; the probability rather than the logit, which may be negative), and
    `energy` by the sum of (gate · ‖output‖)². An expert that no token reaches has a score of 0.

    `scope=layer` keeps as many in every layer, `global` those that score highest over all layers relative to the mean
    of their layer. `protect-super-experts` puts the few experts with extreme activations before all others: those whose
    largest output exceeds the 99.5 % quantile of all and a tenth of the maximum, in the first three quarters of the
    mixtures (arXiv 2507.23279).

    Experts are judged by the text: give one like what the model is for. Values of experts may be in any encoding, the
    router must still be dense. Which experts go is known only after the run: a plan shows the last ones.
    """

  private let options: PruneExpertsOptions

  public init(_ values: OptionValues) throws(OptionConflict) { options = try PruneExpertsOptions(values) }

  public var needsCalibration: Bool { true }
  public var calibrationNeed: CalibrationNeed { .none }
  public var evaluatesCandidates: Bool { false }

  public func plan(_ outline: inout OutlineEditor) throws(PassError) {
    let graph = outline.outline.graph, mixtures = graph.mixtures.map(\.mixture)
    guard !mixtures.isEmpty else {
      throw .nothingToDo(why: "the model has no mixture of experts", fix: "remove this step")
    }
    let counts = try counts(of: mixtures)
    guard counts != mixtures.map(\.expertCount) else {
      throw .nothingToDo(why: "every expert would stay", fix: "keep fewer, or remove this step")
    }
    for mixture in mixtures {
      guard let router = graph.parameter(named: mixture.router) else { continue }
      let encoding = outline.outline.intents[router.name]?.encoding ?? outline.outline.encoding(of: router)
      guard encoding.isDense else { throw .alreadyCompressed(parameter: router.name, encoding: encoding) }
    }
    outline.replaceGraph(graph.keepingExperts(counts.map { Array(0..<$0) }))
    outline.markInexact()
  }

  public func run(on editor: ModelEditor) throws -> PreservedAnalyses {
    let graph = editor.graph, mixtures = graph.mixtures
    let uses = try editor.mixtureUses()
    let unprotected = mixtures.map { [Bool](repeating: false, count: $0.mixture.expertCount) }
    let selection = ExpertSelection(
      scores: uses.map(options.metric.scores),
      isProtected: options.protectsSuperExperts ? uses.superExperts : unprotected)
    let counts = try counts(of: mixtures.map(\.mixture))
    let kept =
      switch options.scope {
      case .layer: selection.best(counts: counts)
      case .global: selection.best(totalCount: counts.reduce(0, +), least: mixtures.map(\.mixture.activeCount))
      }
    PruningReport(mixtures: mixtures, uses: uses, selection: selection, kept: kept).write(to: editor)
    try editor.replaceGraph(
      graph.keepingExperts(kept),
      keepingRows: Dictionary(zip(mixtures.map(\.mixture.router), kept)) { first, _ in first })
    return .none
  }

  private func counts(of mixtures: [Mixture]) throws(PassError) -> [Int] {
    var counts: [Int] = []
    for mixture in mixtures { counts.append(try options.keptCount(of: mixture)) }
    return counts
  }
}
