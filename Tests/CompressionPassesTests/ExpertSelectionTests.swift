import PassKit
import TensorCore
import Testing

@testable import CompressionPasses

@Suite struct ExpertSelectionTests {
  private static func selection(_ scores: [[Double]], protected: [[Int]] = []) -> ExpertSelection {
    ExpertSelection(
      scores: scores,
      isProtected: scores.enumerated().map { mixture, scores in
        scores.indices.map { mixture < protected.count && protected[mixture].contains($0) }
      })
  }

  @Test func everyLayerKeepsItsBest() {
    let selection = Self.selection([[3, 1, 2, 2], [0, 0, 0, 5]])
    #expect(selection.best(counts: [2, 2]) == [[0, 2], [0, 3]])
    #expect(selection.best(counts: [1, 4]) == [[0], [0, 1, 2, 3]])
  }

  @Test func protectedOnesStay() {
    let selection = Self.selection([[3, 1, 2, 2], [1, 2, 3, 4]], protected: [[1], [0, 1, 2]])
    #expect(selection.best(counts: [2, 2]) == [[0, 1], [1, 2]])
    #expect(selection.best(totalCount: 4, least: [1, 1]) == [[1], [0, 1, 2]])
  }

  /// The sum of the relative scores is the largest there is, over all ways to keep as many.
  @Test func aGlobalBudgetIsSpentBest() {
    var random = SplitMix64(seed: 9)
    for round in 0..<60 {
      let scores = (0..<3).map { layer in
        (0..<4).map { _ in Double(random.nextUnitFloat()) * (layer == 0 ? 100 : 1) }
      }
      let total = 3 + round % 9, least = [1, 1, 1]
      let relative = scores.map { scores in scores.map { $0 * 4 / scores.reduce(0, +) } }
      let kept = Self.selection(scores).best(totalCount: total, least: least)
      #expect(kept.reduce(0) { $0 + $1.count } == total && kept.allSatisfy { !$0.isEmpty && $0 == $0.sorted() })
      let sum = zip(relative, kept).reduce(0) { sum, layer in layer.1.reduce(sum) { $0 + layer.0[$1] } }
      var best = 0.0
      for mask in 0..<(1 << 12) where mask.nonzeroBitCount == total {
        let parts = (0..<3).map { layer in (0..<4).filter { mask >> (4 * layer + $0) & 1 == 1 } }
        guard parts.allSatisfy({ !$0.isEmpty }) else { continue }
        best = max(best, zip(relative, parts).reduce(0) { sum, layer in layer.1.reduce(sum) { $0 + layer.0[$1] } })
      }
      #expect(abs(sum - best) < 1e-9)
    }
  }

  @Test func metricsAreTheirDefinitions() {
    var use = MixtureUse(router: "router", tokenCount: 10, experts: [ExpertUse(), ExpertUse()])
    use.experts[0].tokenCount = 4
    use.experts[0].gateSum = 2
    use.experts[0].chosenProbabilitySum = 1
    use.experts[0].outputSum = 12
    use.experts[0].energy = 50
    #expect(ExpertMetric.frequency.scores(of: use) == [0.4, 0])
    #expect(ExpertMetric.weighted.scores(of: use) == [0.2, 0])
    #expect(ExpertMetric.tcess.scores(of: use) == [0.1, 0])
    // One that no token reached scores 0 and is no error.
    #expect(ExpertMetric.reap.scores(of: use) == [3, 0])
    #expect(ExpertMetric.energy.scores(of: use) == [5, 0])
  }

  @Test func superExpertsAreFewAndEarly() {
    func uses(_ largest: [(layer: Int, expert: Int, value: Float)]) -> [MixtureUse] {
      (0..<8).map { layer in
        var use = MixtureUse(router: "\(layer)", tokenCount: 1, experts: [ExpertUse](repeating: ExpertUse(), count: 64))
        for expert in 0..<64 { use.experts[expert].largestActivation = 1 }
        for mark in largest where mark.layer == layer { use.experts[mark.expert].largestActivation = mark.value }
        return use
      }
    }
    func marked(_ largest: [(layer: Int, expert: Int, value: Float)]) -> [[Int]] {
      uses(largest).superExperts.map { flags in flags.indices.filter { flags[$0] } }
    }
    // Two stand out; a third does in a layer near the end.
    #expect(marked([(0, 5, 900), (2, 7, 1_000), (7, 1, 950)]) == [[5], [], [7], [], [], [], [], []])
    // What exceeds the quantile but not a tenth of the largest does not count.
    #expect(marked([(0, 5, 50), (2, 7, 1_000)]) == [[], [], [7], [], [], [], [], []])
    #expect(marked([]).allSatisfy(\.isEmpty) && [MixtureUse]().superExperts.isEmpty)
  }
}
