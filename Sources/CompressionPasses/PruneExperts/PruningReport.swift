import ModelGraph
import PassKit

/// Puts what a pruning saw and chose into the report of its step.
struct PruningReport {
  let mixtures: [ModelGraph.PlacedMixture]
  let uses: [MixtureUse]
  let selection: ExpertSelection
  /// By mixture, the indices of the experts that stay.
  let kept: [[Int]]

  func write(to editor: ModelEditor) {
    var layers = ReportTable(title: "experts kept", columns: ["layer", "kept", "of", "share of energy kept"])
    var experts = ReportTable(title: "expert scores", columns: ["layer", "expert", "tokens", "score", "verdict"])
    var unreachedCount = 0
    for (index, placed) in mixtures.enumerated() {
      let use = uses[index]
      let energy = use.experts.reduce(0) { $0 + $1.energy }
      let keptEnergy = kept[index].reduce(0) { $0 + use.experts[$1].energy }
      layers.append([
        .text(placed.blockName), .number(Double(kept[index].count)), .number(Double(placed.mixture.expertCount)),
        .number(energy > 0 ? keptEnergy / energy : 0),
      ])
      for (expert, figures) in use.experts.enumerated() {
        if figures.tokenCount == 0 { unreachedCount += 1 }
        experts.append([
          .text(placed.blockName), .number(Double(placed.mixture.number(expert))), .number(Double(figures.tokenCount)),
          .number(selection.scores[index][expert]), .text(verdict(index, expert)),
        ])
      }
    }
    editor.report(layers)
    editor.report(experts)
    let total = mixtures.reduce(0) { $0 + $1.mixture.expertCount }
    editor.note("kept \(kept.reduce(0) { $0 + $1.count }) of \(total) experts")
    if unreachedCount > 0 { editor.note("no calibration token reached \(unreachedCount) of the experts") }
  }

  private func verdict(_ mixture: Int, _ expert: Int) -> String {
    guard kept[mixture].contains(expert) else { return "dropped" }
    return selection.isProtected[mixture][expert] ? "protected" : "kept"
  }
}
