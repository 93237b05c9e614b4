import DecodeKernels
import Execution
import ModelGraph
import ModelIR
import Parallelism

/// The last blocks of two models, which turn hidden states into logits side by side, a few positions at a time.
struct PairedHeads {
  /// Most logits of one model that are held, unless one window has more and its positions cannot be cut.
  private static let elementCountLimit = 1 << 22

  private let models: [Model]
  private let executors: [Executor]
  private let pool: WorkerPool
  private let vocabularyCount: Int
  /// Whether the positions of a sequence can be computed apart: a last block without attention looks at one at a time.
  private let isPositionwise: Bool

  /// - Throws: what binding throws.
  init(reference: Model, candidate: Model, context: KernelContext) throws {
    models = [reference, candidate]
    executors = try models.map { try $0.executor(forBlock: $0.graph.blocks.count - 1, context: context) }
    pool = context.pool
    vocabularyCount = reference.graph.vocabularyCount
    isPositionwise = models.allSatisfy { model in
      model.graph.blocks.last?.statements.contains { $0.operation is Attention } != true
    }
  }

  /// Gives the logits of the first `tokenCount` positions of a window to `body`, with their position, concurrently.
  /// - Parameters:
  ///   - reference: hidden states of the window in front of the last block, (tokens, width).
  ///   - candidate: those of the other model.
  /// - Returns: what `body` returned, in the order of the positions.
  func compare<Result: Sendable>(
    _ reference: [Float], _ candidate: [Float], tokenCount: Int,
    _ body: @Sendable (_ position: Int, _ reference: Span<Float>, _ candidate: Span<Float>) throws -> Result
  ) throws -> [Result] {
    let sliceLength = isPositionwise ? max(1, Self.elementCountLimit / vocabularyCount) : max(1, tokenCount)
    let width = vocabularyCount
    var results: [Result] = []
    for start in stride(from: 0, to: tokenCount, by: sliceLength) {
      let slice = start..<min(tokenCount, start + sliceLength)
      let expected = try logits(0, reference, slice), actual = try logits(1, candidate, slice)
      results += try pool.map(slice.count) { row in
        let range = row * width..<(row + 1) * width
        return try body(slice.lowerBound + row, expected.span.extracting(range), actual.span.extracting(range))
      }
    }
    return results
  }

  /// Drops the resident pages of both heads.
  func release() { for model in models { model.releaseBlock(model.graph.blocks.count - 1) } }

  private func logits(_ index: Int, _ states: [Float], _ slice: Range<Int>) throws -> [Float] {
    let executor = executors[index]
    let width = try executor.widths(ofBlock: models[index].graph.blocks.count - 1).input ?? 0
    var rows: [Float] = []
    rows.reserveCapacity(slice.count * vocabularyCount)
    let part = states.span.extracting(slice.lowerBound * width..<slice.upperBound * width)
    try executor.logits(ofHidden: part, tokenCount: slice.count) { _, row in
      for index in row.indices { rows.append(row[index]) }
    }
    return rows
  }
}
