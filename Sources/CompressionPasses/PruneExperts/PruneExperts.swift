import ModelGraph
import ModelIR
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
    keep their numbers: `inspect --ir` shows `numbers=0,3,5..7`.

    `metric=reap` judges an expert by the mean of gate · ‖output‖ over its tokens (arXiv 2510.13999), `frequency` by how
    many tokens choose it, `weighted` by the sum of its gates, `tcess` by the mean over all tokens of the router's
    probability where it is chosen (arXiv 2505.17639; the probability rather than the logit, which may be negative), and
    `energy` by the sum of (gate · ‖output‖)². An expert that no token reaches has a score of 0.

    `scope=layer` keeps as many in every layer, `global` those that score highest over all layers relative to the mean
    of their layer. `protect-super-experts` puts the few experts with extreme activations before all others: those whose
    largest output exceeds the 99.5 % quantile of all and a tenth of the maximum, in the first three quarters of the
    mixtures (arXiv 2507.23279).

    `profiles` chooses experts for every task of the calibration (2 to 64 texts with names), each by its own text, and
    takes out those that no task keeps. The pack records which experts each task uses. `swage-run generate --task
    NAME` binds, checks and reads no others, and computes what a model pruned for that task alone does. `--task auto`
    takes the task whose text the router of the first mixture treats most like the prompt (PreMoe, arXiv 2505.17639).
    Without `--task` all experts that are left are used. A later step may not take out experts or blocks.

    Experts are judged by the text: give one like what the model is for. Values of experts may be in any encoding, the
    router must still be dense. Which experts go is known only after the run: a plan shows the last ones. The thresholds
    of `skip-experts` fit no longer when experts go: put that step after this one.
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
    try outline.announceExpertRemoval()
    let counts = try options.keptCounts(of: mixtures), tasks = outline.outline.taskNames
    guard counts != mixtures.map(\.expertCount) else {
      throw .nothingToDo(why: "every expert would stay", fix: "keep fewer, or remove this step")
    }
    if options.choosesByTask {
      guard tasks.count > 1 else { throw .needsTasks(found: tasks) }
      guard tasks.count <= TaskProfile.mostCount else {
        throw .tooManyTasks(count: tasks.count, most: TaskProfile.mostCount)
      }
    }
    // The choices of tasks may have nothing in common.
    let most = options.choosesByTask ? tasks.count : 1
    let stored = zip(mixtures, counts).map { mixture, count in Array(0..<min(mixture.expertCount, count * most)) }
    outline.replaceGraph(graph.keepingExperts(stored))
    if options.choosesByTask {
      let signature = stored[0].map { _ in 1 / Float(stored[0].count) }
      outline.setProfiles(
        tasks.map { TaskProfile(name: $0, experts: counts.map { Array(0..<$0) }, signature: signature) })
    }
    outline.markInexact()
  }

  public func run(on editor: ModelEditor) throws -> PreservedAnalyses {
    let mixtures = editor.graph.mixtures
    let uses = try editor.mixtureUses()
    let choices = try choices(uses, mixtures.map(\.mixture), tasks: editor.taskNames)
    let stored = choices.stored
    PruningReport(mixtures: mixtures, uses: uses, tasks: editor.taskNames, choices: choices).write(to: editor)
    try editor.keepExperts(stored)
    if options.choosesByTask {
      // Routed once more, because a router's probabilities depend on the experts that are left.
      let firstUse = try editor.firstMixtureUse()
      editor.setProfiles(zip(choices, firstUse.tasks).map { $0.profile(in: stored, firstUse: $1) })
    }
    return .none
  }

  /// One choice for all texts, or one for each task.
  private func choices(
    _ uses: [MixtureUse], _ mixtures: [Mixture], tasks: [String]
  ) throws(PassError) -> [ExpertChoice] {
    guard options.choosesByTask else { return [try ExpertChoice(of: uses, in: mixtures, by: options)] }
    var choices: [ExpertChoice] = []
    for (index, task) in tasks.enumerated() {
      choices.append(try ExpertChoice(of: uses.map { $0.tasks[index] }, task: task, in: mixtures, by: options))
    }
    return choices
  }
}
