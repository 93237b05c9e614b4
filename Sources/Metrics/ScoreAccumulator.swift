import Glibc

/// Perplexity of one model over a stream of scored positions.
///
/// Positions come window by window; the losses of a window depend on each other, so the standard error is that of
/// window totals once there are ten windows, and that of independent tokens before.
public struct ScoreAccumulator: Sendable {
  /// Positions scored so far and the sum of their losses, per window.
  public private(set) var windows: [(count: Int, loss: Double)] = []
  private var squares = 0.0

  public init() {}

  /// Starts a window; positions added from here on belong to it.
  public mutating func beginWindow() { windows.append((0, 0)) }

  /// Adds a position of the current window by its negative log-likelihood in nats (`LogitRow.loss`).
  public mutating func add(loss: Double) {
    if windows.isEmpty { beginWindow() }
    windows[windows.count - 1].count += 1
    windows[windows.count - 1].loss += loss
    squares += loss * loss
  }

  /// Adds a position of the current window by its row of logits and the token that follows.
  /// - Throws: `MetricsError`; nothing is added then.
  public mutating func add(_ logits: Span<Float>, target: Int) throws(MetricsError) {
    add(loss: try LogitRow.loss(of: target, in: logits, position: count))
  }

  /// Positions scored.
  public var count: Int { windows.reduce(0) { $0 + $1.count } }

  /// Mean negative log-likelihood in nats; NaN before the first position.
  public var meanLoss: Double { windows.reduce(0) { $0 + $1.loss } / Double(count) }

  public var meanLossStandardError: Double {
    standardErrorOfMean(counts: windows.map(\.count), sums: windows.map(\.loss), squares: squares)
  }

  /// exp(mean loss).
  public var perplexity: Double { exp(meanLoss) }

  /// By the delta method: perplexity times the standard error of the mean loss.
  public var perplexityStandardError: Double { perplexity * meanLossStandardError }
}

/// Standard error of Σ sums / Σ counts: of the ratio of block totals (Cochran 1977, eq. 6.13) from ten blocks on, of
/// independent tokens below that; 0 where a single token leaves nothing to estimate it from.
func standardErrorOfMean(counts: [Int], sums: [Double], squares: Double) -> Double {
  let count = Double(counts.reduce(0, +))
  guard count > 1 else { return 0 }
  let mean = sums.reduce(0, +) / count
  guard counts.count >= BlockBootstrap.fewestBlocks else {
    return (max(0, squares / count - mean * mean) / (count - 1)).squareRoot()
  }
  let blocks = Double(counts.count)
  let spread = zip(counts, sums).reduce(0.0) { total, block in
    let residual = block.1 - mean * Double(block.0)
    return total + residual * residual
  }
  return (spread * blocks / (blocks - 1)).squareRoot() / count
}
