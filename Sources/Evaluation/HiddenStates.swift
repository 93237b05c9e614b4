import Execution

/// The activations of one sequence on their way through a model's blocks.
struct HiddenStates {
  private let executor: Executor
  private let ids: [Int]
  private var nextBlock = 0
  private(set) var elements: [Float] = []

  init(_ executor: Executor, ids: [Int]) {
    self.executor = executor
    self.ids = ids
  }

  /// Runs the blocks up to and including `block`.
  mutating func advance(through block: Int) throws {
    while nextBlock <= block {
      elements = try executor.states(afterBlock: nextBlock, ids: ids, input: elements)
      nextBlock += 1
    }
  }

  /// The logits of every token, (tokens, vocabulary), once the last block but one was left.
  func logits() throws -> [Float] {
    var logits: [Float] = []
    logits.reserveCapacity(ids.count * executor.graph.vocabularyCount)
    try executor.logits(ofHidden: elements.span, tokenCount: ids.count) { _, row in
      for index in row.indices { logits.append(row[index]) }
    }
    return logits
  }
}
