import ModelGraph
import PassKit

extension AllocateBits {
  /// The width of every expert.
  func expertWidths(
    of candidates: EncodedCandidates, _ evaluation: any CandidateEvaluation, _ editor: ModelEditor
  ) throws -> Assignment {
    guard case .bitsPerWeight(let bits) = options.target else { preconditionFailure("experts are given bits") }
    let units = candidates.units
    let homes = units.homes(in: editor.graph)
    let uses = try editor.mixtureUses()
    let levels = (0..<(units.map(\.keptOptionCount).max() ?? 0)).map { level in
      units.map { min(level, $0.keptOptionCount - 1) }
    }
    let errorsByLevel = try editor.expertErrors(of: levels.map(candidates.model))
    let errors = zip(units, homes).map { unit, home in
      unit.options.indices.map { option in
        // An expert that goes leaves nothing of its output.
        unit.options[option].isPruned
          ? uses[home.mixture].experts[home.expert].energy : errorsByLevel[option][home.mixture][home.expert]
      }
    }
    var costs = ExpertCosts(homes: homes, errors: errors, uses: uses, importance: options.importance)
    if options.scope == .global {
      let reference = levels[levels.count / 2]
      costs.scale(
        reference, to: try divergences(ofMixtures: costs.mixtures, at: reference, candidates, evaluation, editor))
    }
    var chosen: [Int] = []
    let groups = units.mixtureGroups(in: editor.graph)
    for groups in options.scope == .global ? [groups] : groups.map({ [$0] }) {
      let range = chosen.count..<chosen.count + groups.reduce(0) { $0 + $1.unitCount }
      let members = Array(units[range])
      let best = BudgetedChoice.best(
        costs: Array(costs.costs[range]), byteCounts: members.map { $0.options.map(\.byteCount) }, groups: groups,
        within: members.byteCount(forBitsPerWeight: bits))
      guard let best else { throw options.target.notMet(leastByteCount: members.leastByteCount(in: groups)) }
      chosen += best
    }
    editor.report(table(units, homes, uses, errors))
    return chosen
  }

  /// The KL divergence that all experts of a mixture cause together, at one option each.
  /// - Returns: by mixture.
  private func divergences(
    ofMixtures mixtures: [Int], at reference: [Int], _ candidates: EncodedCandidates,
    _ evaluation: any CandidateEvaluation, _ editor: ModelEditor
  ) throws -> [Int: Double] {
    var divergences: [Int: Double] = [:]
    for mixture in Set(mixtures).sorted() {
      let members = mixtures.indices.filter { mixtures[$0] == mixture }
      let change = try evaluation.outputChange(
        of: candidates.model(withUnits: members, at: reference), from: editor.model,
        firstChangedBlock: candidates.units[members[0]].block)
      divergences[mixture] = 0.5 * change.reduce(0) { $0 + Double($1) * Double($1) }
      try editor.advance(by: 0)
    }
    return divergences
  }

  /// What is known of every expert.
  private func table(
    _ units: [AllocationUnit], _ homes: [ExpertHome], _ uses: [MixtureUse], _ errors: [[Double]]
  ) -> ReportTable {
    var table = ReportTable(
      title: "experts: energy, and error of the output relative to it",
      columns: ["unit", "tokens", "energy"] + options.candidates.map(\.text))
    for (unit, (home, errors)) in zip(units, zip(homes, errors)) {
      let use = uses[home.mixture].experts[home.expert]
      let cells = options.candidates.map { candidate -> ReportTable.Cell in
        guard use.energy > 0, let option = unit.options.firstIndex(where: { $0.candidate == candidate }) else {
          return .text("–")
        }
        return .number(errors[option] / use.energy)
      }
      table.append([.text(unit.name), .number(Double(use.tokenCount)), .number(use.energy)] + cells)
    }
    return table
  }
}
