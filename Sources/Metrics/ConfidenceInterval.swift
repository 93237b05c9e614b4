import Glibc

/// A point estimate with the ends of its 95 % confidence interval.
public struct ConfidenceInterval: Sendable, Equatable {
  public let estimate: Double
  public let low: Double
  public let high: Double

  public init(estimate: Double, low: Double, high: Double) {
    self.estimate = estimate
    self.low = low
    self.high = high
  }

  /// The 97.5 % point of the normal distribution.
  static let normalQuantile = 1.959963984540054

  /// estimate ± 1.96 standard errors.
  public static func normal(estimate: Double, standardError: Double) -> ConfidenceInterval {
    let reach = normalQuantile * standardError
    return ConfidenceInterval(estimate: estimate, low: estimate - reach, high: estimate + reach)
  }

  /// Wilson's score interval for a share of `count` independent trials (Wilson 1927); it stays within 0…1 and has a
  /// width even where every trial succeeded. `count` is at least 1.
  public static func wilson(successes: Int, of count: Int) -> ConfidenceInterval {
    let n = Double(count)
    let share = Double(successes) / n
    let z2 = normalQuantile * normalQuantile
    let centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    let reach = normalQuantile / (1 + z2 / n) * (share * (1 - share) / n + z2 / (4 * n * n)).squareRoot()
    return ConfidenceInterval(
      estimate: share, low: min(share, max(0, centre - reach)), high: max(share, min(1, centre + reach)))
  }

  /// The interval of exp(x), from that of x.
  public var exponential: ConfidenceInterval {
    ConfidenceInterval(estimate: exp(estimate), low: exp(low), high: exp(high))
  }
}
