import Execution
import Metrics
import ModelGraph

/// A short look at a fresh pack: one sequence through original and pack, to notice at once when the output is gibberish.
///
/// It says nothing precise about accuracy; `VerifyJob` does.
public struct SmokeCheck: Sendable {
  public let tokenCount: Int
  /// Mean KL(original ‖ compiled) in nats per token.
  public let divergence: Double
  /// Share of positions whose most likely token agrees.
  public let agreement: Double

  /// Beyond this the two models have little left in common: a language model one nat off multiplies its perplexity by e.
  static let gibberishDivergence = 1.0

  public var isGibberish: Bool { !(divergence <= Self.gibberishDivergence) }

  /// Runs both so that a block's pages can be dropped before the next one's are read.
  /// - Parameters:
  ///   - ids: at least one, within the context of both; source and target alike where the model reads two sequences.
  ///   - release: called with the name of each block that both have left.
  /// - Throws: `ExecutionError`, `ScoringError`, and what the operators throw.
  public init(
    original: Executor, compiled: Executor, ids: [Int], release: @escaping (String) -> Void = { _ in }
  ) throws {
    let (expected, actual) =
      original.readsSource
      ? (try Self.logits(original, ids, release), try Self.logits(compiled, ids, release))
      : try Self.logitsInStep(original, compiled, ids, release)
    let width = original.graph.vocabularyCount
    var divergence = 0.0
    var agreeing = 0
    for position in ids.indices {
      let row = position * width..<(position + 1) * width
      guard
        let comparison = try? LogitRow.compare(
          original: expected.span.extracting(row), compiled: actual.span.extracting(row), target: 0, position: position)
      else {
        divergence = .infinity
        break
      }
      divergence += comparison.divergence
      agreeing += comparison.agrees ? 1 : 0
    }
    tokenCount = ids.count
    self.divergence = divergence / Double(ids.count)
    agreement = Double(agreeing) / Double(ids.count)
  }

  /// The logits of both models, which go through their blocks side by side.
  private static func logitsInStep(
    _ original: Executor, _ compiled: Executor, _ ids: [Int], _ release: (String) -> Void
  ) throws -> (original: [Float], compiled: [Float]) {
    var originalStates = HiddenStates(original, ids: ids)
    var compiledStates = HiddenStates(compiled, ids: ids)
    for (index, block) in original.graph.blocks.enumerated().dropLast() {
      try originalStates.advance(through: index)
      try compiledStates.advance(through: min(index, compiled.graph.blocks.count - 2))
      release(block.name)
    }
    try compiledStates.advance(through: compiled.graph.blocks.count - 2)
    let logits = (try originalStates.logits(), try compiledStates.logits())
    for block in original.graph.blocks.suffix(1) { release(block.name) }
    return logits
  }

  /// The logits of a model that reads a source and a target.
  private static func logits(
    _ executor: Executor, _ ids: [Int], _ release: @escaping (String) -> Void
  ) throws -> [Float] {
    let cache = try executor.makeCache(), follower = BlockFollower(release)
    var logits: [Float] = []
    try executor.encode(ids, into: cache, observer: follower)
    try executor.forward(ids, cache: cache, logits: .all, observer: follower) { _, row in
      for index in row.indices { logits.append(row[index]) }
    }
    return logits
  }
}

/// Tells somebody the name of each block that a pass has left.
private final class BlockFollower: LinearObserver {
  private let tell: (String) -> Void

  init(_ tell: @escaping (String) -> Void) { self.tell = tell }

  func observe(_ name: String, input: Span<Float>, tokenCount: Int) {}

  func leave(_ block: Block) { tell(block.name) }
}
