import Diagnostics
import Execution
import Metrics
import Parallelism

/// A causal language model as scoring sees it: ids in, rows of logits out.
public protocol LogitStream {
  var vocabularyCount: Int { get }
  /// Forgets everything read, to begin another sequence.
  func restart()
  /// Reads the ids that follow those read since the last restart.
  /// - Parameter body: receives a row of `vocabularyCount` logits for each id, in order.
  func read(_ ids: [Int], _ body: (Span<Float>) throws -> Void) throws
}

/// An executor with a cache of its own.
public struct ExecutorStream: LogitStream {
  private let executor: Executor
  private let cache: KeyValueCache

  /// - Parameters:
  ///   - contextLength: most tokens of one sequence.
  ///   - source: what the encoder of an encoder–decoder reads before every sequence.
  /// - Throws: `ExecutionError` when that is more than the model was made for, and when a source is missing, or given to a
  ///   model that reads none.
  public init(_ executor: Executor, contextLength: Int, source: [Int]? = nil) throws {
    self.executor = executor
    cache = try executor.makeCache(contextLength: contextLength)
    if let source { try executor.encode(source, into: cache) }
    guard executor.readsSource == (source != nil) else { throw ExecutionError.source(isGiven: source != nil) }
  }

  public var vocabularyCount: Int { executor.graph.vocabularyCount }

  public func restart() { cache.reset() }

  public func read(_ ids: [Int], _ body: (Span<Float>) throws -> Void) throws {
    try executor.forward(ids, cache: cache, logits: .all) { try body($1) }
  }
}

/// Rows of logits of consecutive positions, held only until they are measured.
public struct LogitRows: Sendable {
  /// (position, vocabulary), row-major.
  public private(set) var elements: [Float] = []
  public let vocabularyCount: Int

  public init(vocabularyCount: Int) { self.vocabularyCount = vocabularyCount }

  /// Most logits that are held at once, unless one row has more.
  private static let elementCountLimit = 1 << 23
  public static let byteCountLimit = elementCountLimit * MemoryLayout<Float>.size

  /// Positions that a slice of a window may have.
  public var sliceLimit: Int { max(1, Self.elementCountLimit / max(1, vocabularyCount)) }

  /// Replaces the rows by those that follow `ids`.
  public mutating func read(_ ids: [Int], from stream: some LogitStream) throws {
    elements.removeAll(keepingCapacity: true)
    elements.reserveCapacity(ids.count * vocabularyCount)
    try stream.read(ids) { row in
      for index in row.indices { elements.append(row[index]) }
    }
  }

  /// The elements of the row of position `index`.
  public func range(ofRow index: Int) -> Range<Int> { index * vocabularyCount..<(index + 1) * vocabularyCount }
}

/// Measures the perplexity of a text, window by window; no more than a slice of a window's logits exists at a time.
public struct Scoring: Sendable {
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

  /// - Parameters:
  ///   - receive: is given the logits of every token read, (position, vocabulary), slice by slice.
  ///   - progress: is told the share of the windows that are done.
  /// - Throws: `ScoringError`, and what the stream or `receive` throws.
  public func run(
    _ stream: some LogitStream, receive: (Span<Float>) throws -> Void = { _ in }, progress: (Double) -> Void = { _ in }
  ) throws -> ScoreReport {
    var score = ScoreAccumulator()
    var rows = LogitRows(vocabularyCount: stream.vocabularyCount)
    for window in plan.windows.indices {
      let ids = plan.ids(ofWindow: window, in: tokens)
      stream.restart()
      score.beginWindow()
      for start in stride(from: 0, to: ids.count, by: rows.sliceLimit) {
        let slice = start..<min(ids.count, start + rows.sliceLimit)
        try rows.read(Array(ids[slice]), from: stream)
        try receive(rows.elements.span)
        for loss in try losses(of: rows, slice, ids, window) { score.add(loss: loss) }
      }
      progress(Double(window + 1) / Double(plan.windows.count))
    }
    return ScoreReport(score, plan)
  }

  /// The losses of the positions of `slice` that have a token after them in their window.
  private func losses(of rows: LogitRows, _ slice: Range<Int>, _ ids: [Int], _ window: Int) throws -> [Double] {
    try pool.map(min(slice.upperBound, ids.count - 1) - slice.lowerBound) { row in
      do throws(MetricsError) {
        return try LogitRow.loss(
          of: ids[slice.lowerBound + row + 1], in: rows.elements.span.extracting(rows.range(ofRow: row)),
          position: plan.position(ofWindow: window, offset: slice.lowerBound + row))
      } catch {
        throw ScoringError.unmeasurable(error)
      }
    }
  }
}

/// The perplexity of a text under one model.
public struct ScoreReport: Sendable, Equatable {
  public let perplexity: Double
  /// By the delta method, from the spread between windows where there are at least ten; nil where one position says
  /// nothing about the spread.
  public let perplexityStandardError: Double?
  /// Mean negative log-likelihood in nats per token.
  public let meanLoss: Double
  /// Positions scored.
  public let tokenCount: Int
  public let windowCount: Int
  public let windowTokenCount: Int

  init(_ score: ScoreAccumulator, _ plan: WindowPlan) {
    perplexity = score.perplexity
    perplexityStandardError = score.count > 1 ? score.perplexityStandardError : nil
    meanLoss = score.meanLoss
    tokenCount = score.count
    windowCount = plan.windows.count
    windowTokenCount = plan.windowTokenCount
  }

  /// The members of the `result` of `score --json`.
  public var members: [(String, JSONText)] {
    [
      ("perplexity", .number(perplexity)), ("perplexity_standard_error", perplexityStandardError.map(JSONText.number) ?? .null),
      ("mean_nll", .number(meanLoss)), ("tokens", .integer(Int64(tokenCount))),
      ("windows", .integer(Int64(windowCount))), ("window", .integer(Int64(windowTokenCount))),
    ]
  }

  /// One line for people.
  public var table: String {
    let error = perplexityStandardError.map { " ± \(NumberText.fixed($0, 4))" } ?? ""
    let figure = NumberText.fixed(perplexity, 4) + error
    let windows = "\(NumberText.count(windowCount)) windows of \(windowTokenCount)"
    return "perplexity  \(figure)   \(NumberText.count(tokenCount)) tokens scored in \(windows)"
  }
}
