import Glibc

/// Two models over the same stream of positions: how far the compiled one has moved from the original.
///
/// Keeps one Float per position (its divergence, for the percentiles) and a few sums per window; never a row of logits.
public struct PairedAccumulator: Sendable {
  private var windows: [Window] = []
  private var positions: [Position] = []
  private var lossChangeSquares = 0.0
  private var divergenceSquares = 0.0
  private var probabilityChange = 0.0
  private var probabilityChangeSquares = 0.0
  /// KL(original ‖ compiled) in nats of every position, in the order added.
  public private(set) var divergences: [Float] = []

  /// Sums over one window.
  private struct Window {
    var count = 0
    var originalLoss = 0.0
    var compiledLoss = 0.0
    var divergence = 0.0
    var agreements = 0
  }

  /// Sums over one place within all windows.
  private struct Position {
    var count = 0
    var divergence = 0.0
  }

  public init() {}

  /// Positions compared.
  public var count: Int { divergences.count }

  /// Starts a window; positions added from here on belong to it, the first at place 0.
  public mutating func beginWindow() { windows.append(Window()) }

  /// Adds the next position of the current window.
  public mutating func add(_ comparison: RowComparison) {
    if windows.isEmpty { beginWindow() }
    let last = windows.count - 1
    let place = windows[last].count
    windows[last].count += 1
    windows[last].originalLoss += comparison.originalLoss
    windows[last].compiledLoss += comparison.compiledLoss
    windows[last].divergence += comparison.divergence
    windows[last].agreements += comparison.agrees ? 1 : 0
    if place == positions.count { positions.append(Position()) }
    positions[place].count += 1
    positions[place].divergence += comparison.divergence
    let lossChange = comparison.compiledLoss - comparison.originalLoss
    lossChangeSquares += lossChange * lossChange
    divergenceSquares += comparison.divergence * comparison.divergence
    let change = comparison.correctProbabilityChange
    probabilityChange += change
    probabilityChangeSquares += change * change
    divergences.append(Float(comparison.divergence))
  }

  /// Adds the next position by both rows of logits and the token that follows.
  /// - Throws: `MetricsError`; nothing is added then.
  public mutating func add(original: Span<Float>, compiled: Span<Float>, target: Int) throws(MetricsError) {
    add(try LogitRow.compare(original: original, compiled: compiled, target: target, position: count))
  }

  /// The figures so far, nil before the first position.
  ///
  /// Intervals of the loss change and of the divergence come from a block bootstrap over windows, or, below
  /// `BlockBootstrap.fewestBlocks` windows, from the normal approximation over paired tokens.
  /// - Parameter generator: decides the draws; seed it for figures that can be repeated.
  public func summary(using generator: inout some RandomNumberGenerator) -> PairedSummary? {
    guard count > 0 else { return nil }
    let blocks = windows.filter { $0.count > 0 }
    let counts = blocks.map(\.count)
    let lossChanges = blocks.map { $0.compiledLoss - $0.originalLoss }
    let blockDivergences = blocks.map(\.divergence)
    let lossChange: ConfidenceInterval
    let divergence: ConfidenceInterval
    if blocks.count >= BlockBootstrap.fewestBlocks {
      let intervals = BlockBootstrap.intervals(
        counts: counts, columns: [lossChanges, blockDivergences], using: &generator)
      lossChange = intervals[0]
      divergence = intervals[1]
    } else {
      lossChange = normalInterval(counts, lossChanges, lossChangeSquares)
      let symmetric = normalInterval(counts, blockDivergences, divergenceSquares)
      divergence = ConfidenceInterval(
        estimate: symmetric.estimate, low: max(0, symmetric.low), high: symmetric.high)
    }
    let total = Double(count)
    return PairedSummary(
      count: count, windowCount: blocks.count,
      originalMeanLoss: blocks.reduce(0) { $0 + $1.originalLoss } / total,
      compiledMeanLoss: blocks.reduce(0) { $0 + $1.compiledLoss } / total,
      perplexityRatio: lossChange.exponential,
      meanDivergence: divergence,
      divergencePercentiles: Percentiles(of: divergences),
      agreement: .wilson(successes: blocks.reduce(0) { $0 + $1.agreements }, of: count),
      probabilityChangeMean: probabilityChange / total,
      probabilityChangeRootMeanSquare: (probabilityChangeSquares / total).squareRoot(),
      divergenceByPosition: positions.map { $0.divergence / Double($0.count) })
  }

  /// The figures that a search goes by, each with one standard error over windows; not a number before the first
  /// position.
  public var means: PairedMeans {
    let blocks = windows.filter { $0.count > 0 }
    let counts = blocks.map(\.count)
    func estimate(_ sums: [Double], _ squares: Double) -> MeanEstimate {
      MeanEstimate(
        mean: sums.reduce(0, +) / Double(count),
        standardError: standardErrorOfMean(counts: counts, sums: sums, squares: squares))
    }
    let agreements = blocks.map { Double($0.agreements) }
    return PairedMeans(
      lossChange: estimate(blocks.map { $0.compiledLoss - $0.originalLoss }, lossChangeSquares),
      divergence: estimate(blocks.map(\.divergence), divergenceSquares),
      agreement: estimate(agreements, agreements.reduce(0, +)))
  }

  private func normalInterval(_ counts: [Int], _ sums: [Double], _ squares: Double) -> ConfidenceInterval {
    .normal(
      estimate: sums.reduce(0, +) / Double(count),
      standardError: standardErrorOfMean(counts: counts, sums: sums, squares: squares))
  }
}

/// A mean with one standard error of it.
public struct MeanEstimate: Sendable, Equatable {
  public let mean: Double
  public let standardError: Double

  /// The estimate of exp(mean), by the delta method.
  public var exponential: MeanEstimate { MeanEstimate(mean: exp(mean), standardError: exp(mean) * standardError) }
}

/// Means over the positions of a comparison.
public struct PairedMeans: Sendable, Equatable {
  /// Negative log-likelihood of the compiled model minus that of the original, in nats.
  public let lossChange: MeanEstimate
  /// KL(original ‖ compiled) in nats.
  public let divergence: MeanEstimate
  /// Share of positions where both find the same token most likely.
  public let agreement: MeanEstimate
}

/// What a comparison over a text came to.
public struct PairedSummary: Sendable {
  /// Positions compared.
  public let count: Int
  public let windowCount: Int
  /// Mean negative log-likelihood in nats.
  public let originalMeanLoss: Double
  public let compiledMeanLoss: Double
  /// exp(mean loss of the compiled − mean loss of the original).
  public let perplexityRatio: ConfidenceInterval
  /// Mean KL(original ‖ compiled) in nats.
  public let meanDivergence: ConfidenceInterval
  public let divergencePercentiles: Percentiles<Float>
  /// Share of positions where both find the same token most likely; the interval takes positions as independent.
  public let agreement: ConfidenceInterval
  /// Change of the probability of the token that follows.
  public let probabilityChangeMean: Double
  public let probabilityChangeRootMeanSquare: Double
  /// Mean divergence at each place within a window, the first scored place first.
  public let divergenceByPosition: [Double]

  public var originalPerplexity: Double { exp(originalMeanLoss) }
  public var compiledPerplexity: Double { exp(compiledMeanLoss) }
}
