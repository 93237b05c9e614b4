import Metrics
import PackRuntime
import Parallelism

/// Runs two models over the same windows side by side and measures every scored position.
///
/// Only one slice of one window's logits exists at a time for each model; nothing is computed twice.
public struct LockstepComparison: Sendable {
  private let tokens: [Int]
  private let plan: WindowPlan
  private let pool: WorkerPool

  /// - Parameters:
  ///   - tokens: the text that `plan` was made for.
  ///   - pool: measures the rows of a slice.
  public init(tokens: [Int], plan: WindowPlan, pool: WorkerPool) {
    self.tokens = tokens
    self.plan = plan
    self.pool = pool
  }

  /// - Parameter progress: is told the share of the windows that are done; an error it throws ends the run.
  /// - Throws: `ScoringError`, and what the streams and `progress` throw.
  public func run(
    original: some LogitStream, compiled: some LogitStream, progress: (Double) throws -> Void = { _ in }
  ) throws -> PairedAccumulator {
    guard original.vocabularyCount == compiled.vocabularyCount else {
      throw ScoringError.unmeasurable(
        .rowLengthsDiffer(original: original.vocabularyCount, compiled: compiled.vocabularyCount))
    }
    var pairs = PairedAccumulator()
    var originalRows = LogitRows(vocabularyCount: original.vocabularyCount)
    var compiledRows = LogitRows(vocabularyCount: compiled.vocabularyCount)
    for window in plan.windows.indices {
      let ids = plan.ids(ofWindow: window, in: tokens)
      original.restart()
      compiled.restart()
      pairs.beginWindow()
      // The last token of a window is only a target.
      for start in stride(from: 0, to: ids.count - 1, by: originalRows.sliceLimit) {
        let slice = start..<min(ids.count - 1, start + originalRows.sliceLimit)
        try originalRows.read(Array(ids[slice]), from: original)
        try compiledRows.read(Array(ids[slice]), from: compiled)
        for comparison in try compare(originalRows, compiledRows, slice, ids, window) { pairs.add(comparison) }
      }
      try progress(Double(window + 1) / Double(plan.windows.count))
    }
    return pairs
  }

  private func compare(
    _ original: LogitRows, _ compiled: LogitRows, _ slice: Range<Int>, _ ids: [Int], _ window: Int
  ) throws -> [RowComparison] {
    try pool.map(slice.count) { row in
      let range = original.range(ofRow: row)
      do throws(MetricsError) {
        return try LogitRow.compare(
          original: original.elements.span.extracting(range), compiled: compiled.elements.span.extracting(range),
          target: ids[slice.lowerBound + row + 1],
          position: plan.position(ofWindow: window, offset: slice.lowerBound + row))
      } catch {
        throw ScoringError.unmeasurable(error)
      }
    }
  }
}
