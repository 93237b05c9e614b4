import Glibc

/// How often values fall between consecutive steps of a logarithmic scale.
public struct LogHistogram: Sendable, Equatable {
  /// Powers of ten at the scale's ends.
  public let exponents: ClosedRange<Int>
  public let binsPerDecade: Int
  /// Bin i counts values from 10^(exponents.lowerBound + i / binsPerDecade) up to the next step. The first bin also
  /// takes everything smaller, zero included, the last everything larger.
  public let counts: [Int]

  /// - Parameter exponents: a range of at least one decade.
  public init(of values: [Float], exponents: ClosedRange<Int>, binsPerDecade: Int) {
    precondition(exponents.count > 1 && binsPerDecade > 0)
    self.exponents = exponents
    self.binsPerDecade = binsPerDecade
    let binCount = (exponents.count - 1) * binsPerDecade
    var counts = [Int](repeating: 0, count: binCount)
    for value in values {
      let place = (log10(Double(value)) - Double(exponents.lowerBound)) * Double(binsPerDecade)
      counts[place > 0 ? Int(min(place, Double(binCount - 1))) : 0] += 1
    }
    self.counts = counts
  }
}
