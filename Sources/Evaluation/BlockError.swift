import Execution

/// How far the hidden states that leave a block have moved from the original's, each model running on its own.
public struct BlockError: Sendable, Equatable {
  public let block: String
  /// √(Σ (compiled − original)² / Σ original²) over the measured tokens.
  public let relative: Double

  public init(block: String, relative: Double) {
    self.block = block
    self.relative = relative
  }
}

extension BlockError {
  /// Measures every block that both models have under one name and width, except the last, which leaves logits.
  ///
  /// A block missing from the compiled model is passed over there: its states are then compared after the next common
  /// block.
  /// - Parameter sequences: ids of the sequences to run, each within the context of both.
  /// - Throws: `ExecutionError`, and what the operators throw.
  public static func measure(original: Executor, compiled: Executor, on sequences: [[Int]]) throws -> [BlockError] {
    let pairs = commonBlocks(original, compiled)
    var errors = [Double](repeating: 0, count: pairs.count)
    var norms = errors
    for ids in sequences {
      var originalStates = HiddenStates(original, ids: ids)
      var compiledStates = HiddenStates(compiled, ids: ids)
      for (index, pair) in pairs.enumerated() {
        try originalStates.advance(through: pair.original)
        try compiledStates.advance(through: pair.compiled)
        guard originalStates.elements.count == compiledStates.elements.count else { continue }
        for (a, b) in zip(originalStates.elements, compiledStates.elements) {
          let difference = Double(b) - Double(a)
          errors[index] += difference * difference
          norms[index] += Double(a) * Double(a)
        }
      }
    }
    return pairs.indices.compactMap { index in
      guard norms[index] > 0 else { return nil }
      return BlockError(
        block: original.graph.blocks[pairs[index].original].name, relative: (errors[index] / norms[index]).squareRoot())
    }
  }

  /// Numbers of the blocks of one name, in order.
  private static func commonBlocks(_ original: Executor, _ compiled: Executor) -> [(original: Int, compiled: Int)] {
    var pairs: [(original: Int, compiled: Int)] = []
    var next = 0
    for (index, block) in original.graph.blocks.enumerated().dropLast() {
      let candidates = compiled.graph.blocks.indices.dropLast().dropFirst(next)
      guard let match = candidates.first(where: { compiled.graph.blocks[$0].name == block.name }) else { continue }
      pairs.append((index, match))
      next = match + 1
    }
    return pairs
  }
}
