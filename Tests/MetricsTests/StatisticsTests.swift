import Glibc
import TensorCore
import Testing

@testable import Metrics

@Suite struct StatisticsTests {
  @Test func percentilesInterpolateBetweenNeighbours() {
    let values = Percentiles(of: [40, 10, 30, 20] as [Float])
    #expect(values.value(at: 0) == 10)
    #expect(values.value(at: 0.5) == 25)
    #expect(values.value(at: 1) == 40)
    #expect(abs(values.value(at: 0.9) - 37) < 1e-12, "place 2.7: 30 + 0.7 · 10")
    #expect(Percentiles(of: [7.0]).value(at: 0.99) == 7)
  }

  @Test func wilsonIntervalMatchesPublishedValues() {
    // Newcombe 1998, table I: 81 of 263 and 0 of 20 and 15 of 148, without continuity correction.
    for (successes, count, low, high) in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)] {
      let interval = ConfidenceInterval.wilson(successes: successes, of: count)
      #expect(abs(interval.low - low) < 5e-5 && abs(interval.high - high) < 5e-5)
      #expect(interval.estimate == Double(successes) / Double(count))
    }
    let certain = ConfidenceInterval.wilson(successes: 20, of: 20)
    #expect(certain.high == 1 && abs(certain.low - 0.8389) < 5e-5)
  }

  @Test func bootstrapIsRepeatableAndHoldsTheEstimate() {
    let counts = [Int](repeating: 4, count: 12)
    let sums = (0..<12).map { Double($0) }
    var first = SplitMix64(seed: 3), second = SplitMix64(seed: 3), third = SplitMix64(seed: 4)
    let one = BlockBootstrap.intervals(counts: counts, columns: [sums], using: &first)
    #expect(one == BlockBootstrap.intervals(counts: counts, columns: [sums], using: &second))
    #expect(one != BlockBootstrap.intervals(counts: counts, columns: [sums], using: &third))
    #expect(one[0].estimate == 66.0 / 48)
    // The mean of 12 draws from 0…11, in quarters: standard deviation √(143/12) / √12 / 4.
    let reach = 1.96 * (143.0 / 144).squareRoot() / 4
    #expect(abs(one[0].low - (1.375 - reach)) < 0.1 * reach && abs(one[0].high - (1.375 + reach)) < 0.1 * reach)
  }

  /// Losses that share an offset within a window: the interval must widen to hold the truth, where one that takes
  /// tokens as independent fails.
  @Test func bootstrapCoversTheTruthDespiteDependence() {
    var generator = SplitMix64(seed: 2024)
    let trials = 400, windows = 40, length = 32
    var covered = 0, coveredByIndependence = 0
    for _ in 0..<trials {
      var sums = [Double](), squares = 0.0
      for _ in 0..<windows {
        let offset = normal(&generator) * 0.5
        var sum = 0.0
        for _ in 0..<length {
          let value = 0.1 + offset + normal(&generator)
          sum += value
          squares += value * value
        }
        sums.append(sum)
      }
      let counts = [Int](repeating: length, count: windows)
      let interval = BlockBootstrap.intervals(counts: counts, columns: [sums], using: &generator)[0]
      if interval.low <= 0.1, 0.1 <= interval.high { covered += 1 }
      let total = Double(windows * length), mean = sums.reduce(0, +) / total
      let naive = ConfidenceInterval.normal(
        estimate: mean, standardError: ((squares / total - mean * mean) / (total - 1)).squareRoot())
      if naive.low <= 0.1, 0.1 <= naive.high { coveredByIndependence += 1 }
    }
    // 95 % of 400 is 380 with a standard deviation of 4.4; the percentile method with 40 blocks falls about one point
    // short.
    #expect(covered >= 365 && covered <= 393, "\(covered)")
    #expect(coveredByIndependence < 280, "\(coveredByIndependence)")
  }

  @Test func histogramKeepsEveryValue() {
    let histogram = LogHistogram(of: [0, 1e-9, 1e-3, 0.002, 0.5, 5, 1_000], exponents: -4...1, binsPerDecade: 1)
    #expect(histogram.counts == [2, 2, 0, 1, 2])
  }

  /// A standard normal number from the sum of twelve uniform ones.
  private func normal(_ generator: inout SplitMix64) -> Double {
    (0..<12).reduce(-6.0) { sum, _ in sum + Double(generator.nextUnitFloat()) }
  }
}
