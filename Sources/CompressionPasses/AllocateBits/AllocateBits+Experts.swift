import ModelGraph
import PassKit

extension AllocateBits {
  /// The width of every expert.
  func expertWidths(
    of candidates: EncodedCandidates, _ evaluation: any CandidateEvaluation, _ editor: ModelEditor
  ) throws -> Assignment {
    guard case .bitsPerWeight(let bits) = options.target else { preconditionFailure("experts are given bits") }
    let units = candidates.units
    let homes = homes(of: units, in: editor.graph)
    let uses = try editor.mixtureUses()
    let levels = (0..<(units.map(\.options.count).max() ?? 0)).map { level in
      units.map { min(level, $0.options.count - 1) }
    }
    let errorsByLevel = try editor.expertErrors(of: levels.map(candidates.model))
    let errors = units.indices.map { unit in
      units[unit].options.indices.map { errorsByLevel[$0][homes[unit].mixture][homes[unit].expert] }
    }
    var costs = ExpertCosts(homes: homes, errors: errors, uses: uses, importance: options.importance)
    let all = Array(units.indices)
    let groups: [[Int]]
    switch options.scope {
    case .layer:
      groups = Set(costs.mixtures).sorted().map { mixture in all.filter { costs.mixtures[$0] == mixture } }
    case .global:
      let reference = levels[levels.count / 2]
      costs.scale(
        reference, to: try divergences(ofMixtures: costs.mixtures, at: reference, candidates, evaluation, editor))
      groups = [all]
    }
    var chosen = [Int](repeating: 0, count: units.count)
    for group in groups {
      let members = group.map { units[$0] }
      let best = BudgetedChoice.best(
        costs: group.map { costs.costs[$0] }, byteCounts: members.map { $0.options.map(\.byteCount) },
        within: members.byteCount(forBitsPerWeight: bits))
      guard let best else {
        throw options.target.notMet(leastByteCount: members.byteCount(of: members.map { $0.options.count - 1 }))
      }
      for (unit, option) in zip(group, best) { chosen[unit] = option }
    }
    editor.report(table(units, homes, uses, errors))
    return chosen
  }

  /// Where the expert of each unit stands.
  private func homes(of units: [AllocationUnit], in graph: ModelGraph) -> [(mixture: Int, expert: Int)] {
    var homes: [String: (mixture: Int, expert: Int)] = [:]
    for (index, placed) in graph.mixtures.enumerated() {
      for expert in 0..<placed.mixture.expertCount {
        let names = placed.mixture.inputMatrices(expert) + [placed.mixture.down(expert)]
        for name in names { homes[name] = (index, expert) }
      }
    }
    return units.map { unit in
      guard let home = homes[unit.parameters[0].name] else { preconditionFailure("\(unit.name) is not of a mixture") }
      return home
    }
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
    _ units: [AllocationUnit], _ homes: [(mixture: Int, expert: Int)], _ uses: [MixtureUse], _ errors: [[Double]]
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
