import ModelGraph

/// Where an expert stands: the index of its mixture, and its own among the experts of that.
struct ExpertHome: Sendable, Equatable {
  let mixture: Int
  let expert: Int
}

extension [AllocationUnit] {
  /// Where the expert of each unit stands.
  func homes(in graph: ModelGraph) -> [ExpertHome] {
    var homes: [String: ExpertHome] = [:]
    for (index, placed) in graph.mixtures.enumerated() {
      for expert in 0..<placed.mixture.expertCount {
        let names = placed.mixture.inputMatrices(expert) + [placed.mixture.down(expert)]
        for name in names { homes[name] = ExpertHome(mixture: index, expert: expert) }
      }
    }
    return map { unit in
      guard let home = homes[unit.parameters[0].name] else { preconditionFailure("\(unit.name) is not of a mixture") }
      return home
    }
  }
}

extension [AllocationUnit] {
  /// The experts of each mixture, of which as many must stay as it chooses for a token. Units of one mixture follow one
  /// another.
  func mixtureGroups(in graph: ModelGraph) -> [BudgetedChoice.Group] {
    let homes = homes(in: graph)
    return graph.mixtures.enumerated().compactMap { index, placed in
      let count = homes.count { $0.mixture == index }
      // Experts that are not taken stay.
      let least = placed.mixture.activeCount - (placed.mixture.expertCount - count)
      let canGo = contains { $0.keptOptionCount < $0.options.count }
      return count == 0 ? nil : BudgetedChoice.Group(unitCount: count, least: canGo ? Swift.max(0, least) : 0)
    }
  }

  /// Bytes that the units have at least when of each group as many go as may.
  func leastByteCount(in groups: [BudgetedChoice.Group]) -> Int {
    var sum = 0, first = 0
    for group in groups {
      let members = self[first..<first + group.unitCount]
      first += group.unitCount
      let kept = members.map { $0.options[$0.keptOptionCount - 1].byteCount }.sorted()
      let canGo = members.allSatisfy { $0.keptOptionCount < $0.options.count }
      sum += kept.prefix(canGo ? group.least : group.unitCount).reduce(0, +)
    }
    return sum
  }
}

extension ModelGraph {
  /// By mixture, the experts that stay when some go, as ``keepingExperts(_:)`` wants them.
  func experts(without gone: [AllocationUnit]) -> [[Int]] {
    var kept = mixtures.map { Array(0..<$0.mixture.expertCount) }
    for home in gone.homes(in: self) { kept[home.mixture].removeAll { $0 == home.expert } }
    return kept
  }
}
