import Glibc
import TensorCore
import Testing

@testable import Metrics

@Suite struct AccumulatorTests {
  @Test func perplexityOfUniformLogitsIsTheVocabulary() throws {
    var score = ScoreAccumulator()
    let row = [Float](repeating: 0.5, count: 64)
    for _ in 0..<3 {
      score.beginWindow()
      for target in 0..<5 { try score.add(row.span, target: target) }
    }
    #expect(score.count == 15)
    #expect(score.windows.map(\.count) == [5, 5, 5])
    #expect(abs(score.perplexity - 64) < 1e-9)
    #expect(score.perplexityStandardError < 1e-6)
  }

  @Test func standardErrorIsThatOfIndependentTokensForFewWindows() {
    var score = ScoreAccumulator()
    for loss in [1.0, 2, 3, 6] { score.add(loss: loss) }
    // Mean 3, mean square 12.5: variance 3.5, over n − 1 = 3.
    #expect(score.meanLoss == 3)
    #expect(abs(score.meanLossStandardError - (3.5 / 3).squareRoot()) < 1e-12)
    #expect(abs(score.perplexityStandardError - exp(3.0) * (3.5 / 3).squareRoot()) < 1e-10)
  }

  @Test func standardErrorIsThatOfWindowsWhereThereAreMany() {
    var score = ScoreAccumulator()
    for window in 0..<10 {
      score.beginWindow()
      for _ in 0..<4 { score.add(loss: window.isMultiple(of: 2) ? 1 : 3) }
    }
    // Totals are 4 and 12 around 8: 10 · 16 · (10 / 9) under the root, over 40 tokens.
    #expect(abs(score.meanLossStandardError - (1_600.0 / 9).squareRoot() / 40) < 1e-12)
  }

  @Test func anUnusablePositionAddsNothing() {
    var score = ScoreAccumulator()
    score.beginWindow()
    score.add(loss: 1)
    #expect(throws: MetricsError.nonFiniteLogit(.scored, position: 1, token: 0)) {
      try score.add([Float.nan, 0].span, target: 0)
    }
    #expect(score.count == 1 && score.meanLoss == 1)
  }

  @Test(arguments: [3, 30])
  func identicalModelsShowNoDifference(windows: Int) throws {
    var generator = SplitMix64(seed: 5)
    var pairs = PairedAccumulator()
    for _ in 0..<windows {
      pairs.beginWindow()
      for position in 0..<8 {
        let row = (0..<100).map { _ in generator.nextUnitFloat() * 9 }
        try pairs.add(original: row.span, compiled: row.span, target: position)
      }
    }
    let summary = try #require(pairs.summary(using: &generator))
    #expect(summary.count == windows * 8 && summary.windowCount == windows)
    #expect(summary.perplexityRatio == ConfidenceInterval(estimate: 1, low: 1, high: 1))
    #expect(summary.meanDivergence == ConfidenceInterval(estimate: 0, low: 0, high: 0))
    #expect(summary.divergencePercentiles.value(at: 1) == 0)
    #expect(summary.agreement.estimate == 1 && summary.agreement.high == 1)
    #expect(summary.probabilityChangeRootMeanSquare == 0)
    #expect(summary.originalPerplexity == summary.compiledPerplexity)
  }

  @Test func figuresOfAFewPositionsAreThoseWorkedOutByHand() throws {
    var pairs = PairedAccumulator()
    pairs.beginWindow()
    pairs.add(RowComparison(originalLoss: 1, compiledLoss: 2, divergence: 0.1, agrees: true))
    pairs.add(RowComparison(originalLoss: 2, compiledLoss: 2, divergence: 0.3, agrees: false))
    pairs.beginWindow()
    pairs.add(RowComparison(originalLoss: 3, compiledLoss: 3.5, divergence: 0.2, agrees: true))
    var generator = SplitMix64(seed: 1)
    let summary = try #require(pairs.summary(using: &generator))
    #expect(summary.originalMeanLoss == 2 && summary.compiledMeanLoss == 2.5)
    #expect(abs(summary.perplexityRatio.estimate - exp(0.5)) < 1e-12)
    // Changes 1, 0, 0.5: variance (1.25/3 − 0.25) over n − 1 = 2.
    let reach = 1.959963984540054 * ((1.25 / 3 - 0.25) / 2).squareRoot()
    #expect(abs(summary.perplexityRatio.low - exp(0.5 - reach)) < 1e-12)
    #expect(abs(summary.perplexityRatio.high - exp(0.5 + reach)) < 1e-12)
    #expect(abs(summary.meanDivergence.estimate - 0.2) < 1e-12)
    #expect(abs(summary.agreement.estimate - 2.0 / 3) < 1e-12)
    #expect(abs(summary.divergencePercentiles.value(at: 0.5) - 0.2) < 1e-7)
    #expect(zip(summary.divergenceByPosition, [0.15, 0.3]).allSatisfy { abs($0 - $1) < 1e-12 })
    let changes = [exp(-2.0) - exp(-1.0), 0, exp(-3.5) - exp(-3.0)]
    #expect(abs(summary.probabilityChangeMean - changes.reduce(0, +) / 3) < 1e-12)
  }

  @Test func pairingIsFarTighterThanEachModelAlone() throws {
    var generator = SplitMix64(seed: 8)
    var pairs = PairedAccumulator()
    var alone = ScoreAccumulator()
    for _ in 0..<50 {
      pairs.beginWindow()
      alone.beginWindow()
      for _ in 0..<20 {
        let loss = Double(generator.nextUnitFloat()) * 8
        let change = 0.01 + (Double(generator.nextUnitFloat()) - 0.5) * 0.02
        pairs.add(RowComparison(originalLoss: loss, compiledLoss: loss + change, divergence: 0.01, agrees: true))
        alone.add(loss: loss)
      }
    }
    let ratio = try #require(pairs.summary(using: &generator)).perplexityRatio
    #expect(ratio.low < ratio.estimate && ratio.estimate < ratio.high)
    #expect(abs(ratio.estimate - exp(0.01)) < 1e-3)
    #expect((ratio.high - ratio.low) < 0.02 * (2 * 1.96 * alone.meanLossStandardError))
  }

  @Test func nothingComparedGivesNoFigures() {
    var generator = SplitMix64(seed: 1)
    #expect(PairedAccumulator().summary(using: &generator) == nil)
  }
}
