import TensorCore
import Testing

@testable import Execution

@Suite struct RoutingTests {
  @Test func equalProbabilitiesGoToTheLowestExperts() {
    let routing = Routing()
    routing.choose(([0.2, 0.3, 0.2, 0.3] as [Float]).span, expertCount: 4, activeCount: 3, normalizes: false)
    #expect((0..<4).map { routing.tokenCount(of: $0) } == [1, 1, 0, 1])
    #expect(routing.choice(0, of: 1).gate == 0.3)
    #expect(routing.choice(0, of: 0).gate == 0.2)
  }

  @Test func normalizedGatesSumToOne() {
    let routing = Routing()
    routing.choose(([0.5, 0.25, 0.125, 0.125] as [Float]).span, expertCount: 4, activeCount: 2, normalizes: true)
    #expect(abs(routing.choice(0, of: 0).gate - 2 / 3) < 1e-6)
    #expect(abs(routing.choice(0, of: 1).gate - 1 / 3) < 1e-6)
  }

  @Test func notNumbersChooseDifferentExperts() {
    let routing = Routing()
    routing.choose([Float](repeating: .nan, count: 3).span, expertCount: 3, activeCount: 2, normalizes: true)
    #expect((0..<3).map { routing.tokenCount(of: $0) } == [1, 1, 0])
  }

  @Test(arguments: [(1, 1), (8, 2), (16, 16), (64, 8)])
  func everyTokenReachesItsBestExperts(expertCount: Int, activeCount: Int) {
    let tokenCount = 100
    var generator = SplitMix64(seed: 5)
    // Few distinct values, so that ties are common.
    let probabilities = (0..<tokenCount * expertCount).map { _ in Float(generator.next() % 9) }
    let routing = Routing()
    routing.choose(probabilities.span, expertCount: expertCount, activeCount: activeCount, normalizes: false)
    var found = [[Int: Float]](repeating: [:], count: tokenCount)
    for expert in 0..<expertCount {
      var last = -1
      for index in 0..<routing.tokenCount(of: expert) {
        let (token, gate) = routing.choice(index, of: expert)
        #expect(token > last)
        last = token
        found[token][expert] = gate
      }
    }
    for token in 0..<tokenCount {
      let row = probabilities[token * expertCount..<(token + 1) * expertCount]
      let ranked = row.enumerated().sorted {
        $0.element > $1.element || $0.element == $1.element && $0.offset < $1.offset
      }
      let expected = Dictionary(uniqueKeysWithValues: ranked.prefix(activeCount).map { ($0.offset, $0.element) })
      #expect(found[token] == expected)
    }
  }

  @Test func expertsBelowTheThresholdAreLeftOutAndTheOthersWeighMore() {
    let routing = Routing()
    let probabilities: [Float] = [0.5, 0.3, 0.15, 0.05, 0.1, 0.2, 0.4, 0.3]
    routing.choose(probabilities.span, expertCount: 4, activeCount: 3, normalizes: true) { $0 == 0 ? 0.5 : 0 }
    #expect((0..<4).map { routing.tokenCount(of: $0) } == [1, 2, 1, 1])
    #expect(routing.routed(to: 0).map(\.token) == [0] && routing.routed(to: 2).map(\.token) == [1])
    #expect(abs(routing.choice(0, of: 0).gate - 0.625) < 1e-6)
    #expect(abs(routing.choice(1, of: 1).gate - 2 / 9) < 1e-6)
    #expect(routing.skips.skippedCount == 1 && routing.skips.choiceCount == 4)
  }

  @Test func gatesThatAreNotNormalizedStayAsTheyWere() {
    let routing = Routing()
    let probabilities: [Float] = [0.5, 0.3, 0.15, 0.05]
    routing.choose(probabilities.span, expertCount: 4, activeCount: 3, normalizes: false) { _ in 0.5 }
    #expect((0..<4).map { routing.tokenCount(of: $0) } == [1, 1, 0, 0])
    #expect(routing.choice(0, of: 0).gate == 0.5 && routing.choice(0, of: 1).gate == 0.3)
    #expect(routing.skips.share == 0.5)
  }

  @Test func aTokenKeepsItsFirstExpert() {
    let routing = Routing()
    routing.choose(([0.4, 0.3, 0.3] as [Float]).span, expertCount: 3, activeCount: 3, normalizes: true) { _ in 1 }
    #expect((0..<3).map { routing.tokenCount(of: $0) } == [1, 0, 0])
    #expect(routing.choice(0, of: 0).gate == 1)
  }
}
