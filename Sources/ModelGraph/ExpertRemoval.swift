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

  /// The graph with another mixture in the place of each.
  /// - Parameter change: is given the number of the mixture in ``mixtures``; what it makes reads the same parameters, or
  ///   a part of them.
  func mappingMixtures(_ change: (Int, Mixture) -> Mixture) -> ModelGraph {
    var graph = self
    var next = 0
    for block in blocks.indices {
      for (place, statement) in blocks[block].statements.enumerated() {
        guard let mixture = statement.operation as? Mixture else { continue }
        graph.blocks[block].statements[place] = Statement(result: statement.result, operation: change(next, mixture))
        next += 1
      }
    }
    return graph
  }

  /// The graph whose mixtures choose among a part of their experts. Those that stay keep their names, their order and
  /// everything else; the routers have a row for each of them, and the parameters of the others are dropped.
  /// - Parameter kept: for each of ``mixtures`` the indices of the experts that stay, ascending, at least as many as
  ///   are active, and the same ones where mixtures share a router.
  public func keepingExperts(_ kept: [[Int]]) -> ModelGraph {
    precondition(mixtures.count == kept.count, "there are \(mixtures.count) mixtures")
    var rowCounts: [String: Int] = [:]
    var graph = mappingMixtures { index, mixture in
      rowCounts[mixture.router] = kept[index].count
      return mixture.keepingExperts(kept[index])
    }
    graph.parameters = graph.parametersInOrderOfUse().map { parameter in
      guard let rowCount = rowCounts[parameter.name] else { return parameter }
      return ParameterDeclaration(
        name: parameter.name, role: parameter.role, dimensions: [rowCount] + parameter.dimensions.dropFirst())
    }
    return graph
  }
}

/// Why a choice of experts is none for a graph.
public enum ExpertChoiceFault: Sendable, Equatable {
  /// The graph has `expected` mixtures, and the choice is made for another number.
  case mixtureCount(expected: Int, found: Int)
  /// The indices do not ascend, or one is no expert's.
  case notExperts(router: String, expertCount: Int)
  /// A token would choose more experts than are left.
  case tooFew(router: String, activeCount: Int, found: Int)
  /// Mixtures that share a router would keep different rows of it.
  case differentRows(router: String)
}

extension ModelGraph {
  /// Why ``keepingExperts(_:)`` does not take `kept`; nil where it does.
  public func fault(inKeeping kept: [[Int]]) -> ExpertChoiceFault? {
    let mixtures = mixtures.map(\.mixture)
    guard kept.count == mixtures.count else { return .mixtureCount(expected: mixtures.count, found: kept.count) }
    var rows: [String: [Int]] = [:]
    for (mixture, indices) in zip(mixtures, kept) {
      guard zip(indices, indices.dropFirst()).allSatisfy(<), indices.allSatisfy((0..<mixture.expertCount).contains)
      else { return .notExperts(router: mixture.router, expertCount: mixture.expertCount) }
      guard indices.count >= mixture.activeCount else {
        return .tooFew(router: mixture.router, activeCount: mixture.activeCount, found: indices.count)
      }
      guard rows.updateValue(indices, forKey: mixture.router) ?? indices == indices else {
        return .differentRows(router: mixture.router)
      }
    }
    return nil
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
      isGated: isGated, skipping: skipping, shared: shared)
  }
}
