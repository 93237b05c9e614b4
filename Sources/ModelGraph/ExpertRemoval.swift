/// Taking experts out of mixtures.
extension ModelGraph {
  /// A mixture and where it stands.
  public struct PlacedMixture: Sendable, Equatable {
    /// Number of its block, and its name.
    public let block: Int
    public let blockName: String
    public let mixture: Mixture
  }

  /// Every mixture, in the order of the program.
  public var mixtures: [PlacedMixture] {
    blocks.enumerated().flatMap { index, block in
      block.mixtures.map { PlacedMixture(block: index, blockName: block.name, mixture: $0) }
    }
  }

  /// The graph whose mixtures choose among a part of their experts. Those that stay keep their names, their order and
  /// everything else; the routers have a row for each of them, and the parameters of the others are dropped.
  /// - Parameter kept: for each of ``mixtures`` the indices of the experts that stay, ascending, at least as many as
  ///   are active.
  public func keepingExperts(_ kept: [[Int]]) -> ModelGraph {
    var graph = self
    var rowCounts: [String: Int] = [:]
    var next = 0
    for block in blocks.indices {
      for (place, statement) in blocks[block].statements.enumerated() {
        guard let mixture = statement.operation as? Mixture else { continue }
        let smaller = mixture.keepingExperts(kept[next])
        graph.blocks[block].statements[place] = Statement(result: statement.result, operation: smaller)
        rowCounts[mixture.router] = smaller.expertCount
        next += 1
      }
    }
    precondition(next == kept.count, "there are \(next) mixtures")
    graph.parameters = graph.parametersInOrderOfUse().map { parameter in
      guard let rowCount = rowCounts[parameter.name] else { return parameter }
      return ParameterDeclaration(
        name: parameter.name, role: parameter.role, dimensions: [rowCount] + parameter.dimensions.dropFirst())
    }
    return graph
  }
}

extension Block {
  /// The mixtures of the block, in the order of its program.
  public var mixtures: [Mixture] { statements.compactMap { $0.operation as? Mixture } }
}

extension Mixture {
  /// The mixture of a part of its experts.
  /// - Parameter kept: their indices, ascending.
  fileprivate func keepingExperts(_ kept: [Int]) -> Mixture {
    precondition(kept.count >= activeCount && zip(kept, kept.dropFirst()).allSatisfy(<))
    return Mixture(
      input: input, router: router, experts: experts, expertCount: kept.count, numbers: kept.map(number),
      activeCount: activeCount, expertWidth: expertWidth, normalizesGates: normalizesGates, function: function,
      isGated: isGated, shared: shared)
  }
}
