import ModelGraph
import PassKit

/// Puts what a pruning saw and chose into the report of its step.
struct PruningReport {
  let mixtures: [ModelGraph.PlacedMixture]
  /// By mixture, over all texts.
  let uses: [MixtureUse]
  let tasks: [String]
  /// One for all texts, or one for each task.
  let choices: [ExpertChoice]

  func write(to editor: ModelEditor) {
    for table in [kept, scores] { editor.report(table) }
    if !tasks.isEmpty { editor.report(routing) }
    let stored = choices.stored.reduce(0) { $0 + $1.count }
    let total = mixtures.reduce(0) { $0 + $1.mixture.expertCount }
    editor.note("kept \(stored) of \(total) experts")
    for choice in choices {
      guard let task = choice.task else { continue }
      editor.note("\(task) uses \(choice.kept.reduce(0) { $0 + $1.count }) of the \(stored)")
    }
    let unreachedCount = uses.reduce(0) { $0 + $1.experts.count { $0.tokenCount == 0 } }
    if unreachedCount > 0 { editor.note("no calibration token reached \(unreachedCount) of the experts") }
  }

  private var kept: ReportTable {
    table("experts kept", ["layer", "kept", "of", "share of energy kept"]) { choice, index in
      let experts = choice.uses[index].experts
      let energy = experts.reduce(0) { $0 + $1.energy }
      let keptEnergy = choice.kept[index].reduce(0) { $0 + experts[$1].energy }
      return [
        [.number(Double(choice.kept[index].count)), .number(Double(experts.count)),
          .number(energy > 0 ? keptEnergy / energy : 0)]
      ]
    }
  }

  private var scores: ReportTable {
    table("expert scores", ["layer", "expert", "tokens", "score", "verdict"]) { choice, index in
      choice.uses[index].experts.enumerated().map { expert, figures in
        [
          .number(Double(mixtures[index].mixture.number(expert))), .number(Double(figures.tokenCount)),
          .number(choice.selection.scores[index][expert]), .text(verdict(choice, index, expert)),
        ]
      }
    }
  }

  /// A table of all choices.
  /// - Parameter rows: given a choice and the index of a mixture, cells of rows without task and layer.
  private func table(
    _ title: String, _ columns: [String], _ rows: (ExpertChoice, Int) -> [[ReportTable.Cell]]
  ) -> ReportTable {
    let hasTasks = choices.contains { $0.task != nil }
    var table = ReportTable(title: title, columns: (hasTasks ? ["task"] : []) + columns)
    for choice in choices {
      for (index, placed) in mixtures.enumerated() {
        let lead = (choice.task.map { [ReportTable.Cell.text($0)] } ?? []) + [.text(placed.blockName)]
        for row in rows(choice, index) { table.append(lead + row) }
      }
    }
    return table
  }

  /// How each task uses the experts: sums per token of its text.
  private var routing: ReportTable {
    var table = ReportTable(
      title: "routing by task", columns: ["task", "layer", "expert", "tokens", "gates", "energy", "selection score"])
    for (task, name) in tasks.enumerated() {
      for (placed, use) in zip(mixtures, uses) {
        let use = use.tasks[task]
        let figures = [ExpertMetric.weighted, .energy, .tcess].map { $0.scores(of: use) }
        for (expert, figuresOfExpert) in use.experts.enumerated() {
          table.append(
            [
              .text(name), .text(placed.blockName), .number(Double(placed.mixture.number(expert))),
              .number(Double(figuresOfExpert.tokenCount)),
            ] + figures.map { .number($0[expert]) })
        }
      }
    }
    return table
  }

  private func verdict(_ choice: ExpertChoice, _ mixture: Int, _ expert: Int) -> String {
    guard choice.kept[mixture].contains(expert) else { return "dropped" }
    return choice.selection.isProtected[mixture][expert] ? "protected" : "kept"
  }
}
