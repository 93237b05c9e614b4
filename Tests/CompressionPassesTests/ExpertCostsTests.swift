import PassKit
import Testing

@testable import CompressionPasses

@Suite struct ExpertCostsTests {
  private static func use(_ experts: [(tokens: Int, probability: Double)]) -> MixtureUse {
    MixtureUse(
      router: "router", tokenCount: 100,
      experts: experts.map { figures in
        var use = ExpertUse()
        use.tokenCount = figures.tokens
        use.chosenProbabilitySum = figures.probability
        return use
      })
  }

  private static let homes = [(0, 0), (0, 1), (0, 2), (1, 0)].map { ExpertHome(mixture: $0.0, expert: $0.1) }
  private static let uses = [use([(30, 9), (10, 1), (0, 0)]), use([(40, 5)])]
  private static let errors: [[Double]] = [[1, 4], [2, 8], [0, 0], [3, 5]]

  @Test func energyIsTheErrorItself() {
    let costs = ExpertCosts(homes: Self.homes, errors: Self.errors, uses: Self.uses, importance: .energy)
    // The third was never reached: a tenth of the median of the others.
    #expect(costs.costs == [[1, 4], [2, 8], [0.1 * 2, 0.1 * 8], [3, 5]])
    #expect(costs.mixtures == [0, 0, 0, 1])
  }

  @Test func mixedCompressorWeighsByRouting() {
    let costs = ExpertCosts(homes: Self.homes, errors: Self.errors, uses: Self.uses, importance: .mixedCompressor).costs
    let first = 0.75 * 0.9 * 0.9.squareRoot(), second = 0.25 * 0.1 * 0.1.squareRoot()
    let expected = [[first, 4 * first], [2 * second, 8 * second], [0.1 * first, 0.1 * 4 * first], [3, 5]]
    for (actual, expected) in zip(costs.joined(), expected.joined()) { #expect(abs(actual - expected) < 1e-12) }
  }

  @Test func layersAreScaledToTheirTotals() {
    var costs = ExpertCosts(homes: Self.homes, errors: Self.errors, uses: Self.uses, importance: .energy)
    costs.scale([1, 0, 1, 1], to: [0: 13.6, 1: 10])
    // 4 + 2 + 0.8 become 13.6, 5 becomes 10.
    for (actual, expected) in zip(costs.costs.joined(), [2, 8, 4, 16, 0.4, 1.6, 6, 10]) {
      #expect(abs(actual - expected) < 1e-12)
    }
  }
}
