import Encodings
import LinearAlgebra
import ModelGraph
import PassKit
import TensorCore
import Testing

@testable import CompressionPasses

/// The search on a made-up model whose damage is exactly quadratic.
@Suite struct AllocateSearchTests {
  /// A made-up model: sizes and output changes of every option of every unit.
  private struct Quadratic {
    let units: [AllocationUnit]
    let changes: [[[Double]]]

    init(byteCounts: [[Int]], changes: [[[Double]]]) {
      units = byteCounts.enumerated().map { index, counts in
        AllocationUnit(
          name: "unit\(index)", parameters: [], block: 0,
          options: counts.enumerated().map { option, count in
            AllocationUnit.Option(
              candidate: EncodingCandidate(.grouped(bits: 8 - option, group: nil, isSymmetric: false)),
              encodings: [.dense(.f32)], byteCount: count)
          })
      }
      self.changes = changes
    }

    func divergence(of assignment: Assignment) -> Double {
      var sum = [Double](repeating: 0, count: changes[0][0].count)
      for (unit, option) in assignment.enumerated() {
        for index in sum.indices { sum[index] += changes[unit][option][index] }
      }
      return 0.5 * sum.reduce(0) { $0 + $1 * $1 }
    }

    func damage(countingPairs: Bool) -> DamageModel {
      let vectors = changes.flatMap(\.self)
      var products = Matrix(rowCount: vectors.count, columnCount: vectors.count)
      for a in vectors.indices {
        for b in vectors.indices where countingPairs || a == b {
          products[a, b] = zip(vectors[a], vectors[b]).reduce(0) { $0 + $1.0 * $1.1 }
        }
      }
      var next = 0
      let terms = changes.map { options in
        options.map { _ in
          defer { next += 1 }
          return DamageModel.Term?.some(.init(vector: next, factor: 1))
        }
      }
      return DamageModel(terms: terms, products: products, countsPairs: countingPairs)
    }

    func accuracy(of assignment: Assignment, error: Double = 0) -> CandidateAccuracy {
      let divergence = divergence(of: assignment)
      return CandidateAccuracy(
        perplexityRatio: 1 + divergence, perplexityRatioError: error, divergence: divergence, divergenceError: error,
        agreement: 1 - divergence / 10, agreementError: error / 10, tokenCount: 1_000)
    }

    func search(_ target: AllocationTarget, countingPairs: Bool = true, error: Double = 0) throws -> (
      chosen: Assignment, steps: [AllocationSearch.Step]
    ) {
      let ordering = DamageOrdering(units, damage(countingPairs: countingPairs))
      var search = AllocationSearch(target, byteCount: units.byteCount) { accuracy(of: $0, error: error) }
      let chosen = try search.run(on: ordering.path(), ordering: ordering)
      return (chosen, search.steps)
    }

    /// Every assignment there is.
    var all: [Assignment] {
      units.reduce([[]]) { prefixes, unit in
        prefixes.flatMap { prefix in unit.options.indices.map { prefix + [$0] } }
      }
    }
  }

  /// Seven units of three options, changes in all directions with a common part, so that most pairs add up.
  private static func random(seed: UInt64) -> Quadratic {
    var random = SplitMix64(seed: seed)
    let byteCounts = (0..<7).map { _ -> [Int] in
      let size = 100 + Int(random.next() % 900)
      return [8 * size, 4 * size, 2 * size]
    }
    let changes = (0..<7).map { _ in
      let amplitude = Double(random.nextUnitFloat()) + 0.1
      return [0.01, 0.1, 0.4].map { scale in
        (0..<6).map { _ in amplitude * scale * (Double(random.nextUnitFloat()) * 2 - 0.6) }
      }
    }
    return Quadratic(byteCounts: byteCounts, changes: changes)
  }

  @Test(arguments: 0..<12 as Range<UInt64>)
  func theSearchComesWithinAStepOfTheOptimum(seed: UInt64) throws {
    let model = Self.random(seed: seed)
    let step = model.units.map { $0.options[0].byteCount - $0.options[1].byteCount }.max() ?? 0
    let all = model.all.map { (byteCount: model.units.byteCount(of: $0), divergence: model.divergence(of: $0)) }
    for limit in [0.01, 0.05, 0.2, 0.6] {
      let (chosen, steps) = try model.search(.divergence(limit))
      #expect(model.divergence(of: chosen) <= limit)
      let best = try #require(all.filter { $0.divergence <= limit }.map(\.byteCount).min())
      #expect(model.units.byteCount(of: chosen) - best < step, "limit \(limit)")
      #expect(steps.count <= 4 + AllocationSearch.repairCount)
    }
    let size = all.map(\.byteCount).reduce(0, +) / all.count
    let (chosen, steps) = try model.search(.size(size))
    #expect(model.units.byteCount(of: chosen) <= size && steps.count == 1)
    let best = try #require(all.filter { $0.byteCount <= size }.map(\.divergence).min())
    let bestWithLess = try #require(all.filter { $0.byteCount <= size - step }.map(\.divergence).min())
    #expect((best...max(best, bestWithLess) + 1e-12).contains(model.divergence(of: chosen)))
  }

  /// Two units that push the output the same way, and one a little worse alone that pushes it elsewhere.
  @Test func termsBetweenUnitsChangeTheChoice() throws {
    let model = Quadratic(
      byteCounts: [[1_000, 100], [1_000, 100], [1_000, 100]],
      changes: [[[0, 0], [1, 0]], [[0, 0], [1, 0]], [[0, 0], [0, 1.1]]])
    let with = try model.search(.divergence(1.2)), without = try model.search(.divergence(1.2), countingPairs: false)
    #expect(with.chosen == [1, 0, 1] || with.chosen == [0, 1, 1])
    #expect(abs(model.divergence(of: with.chosen) - 1.105) < 1e-12)
    // Taken for independent, the first two go first, and the two together are refused.
    #expect(without.steps.contains { $0.assignment == [1, 1, 0] && !$0.isAccepted })
    #expect(model.units.byteCount(of: without.chosen) > model.units.byteCount(of: with.chosen))
  }

  /// A large unit that is cheapest per byte but too much, and a small one that costs more per byte but fits.
  @Test func theRepairTakesWhatThePathWouldHaveTakenLater() throws {
    let model = Quadratic(
      byteCounts: [[100_000, 10_000], [1_000, 900], [1_000, 400], [50_000, 10]],
      changes: [[[0, 0, 0], [1, 0, 0]], [[0, 0, 0], [0, 0.3, 0]], [[0, 0, 0], [0, 0, 0.4]], [[0, 0, 0], [0.1, 0, 0]]])
    let (chosen, steps) = try model.search(.divergence(0.1))
    #expect(chosen == [0, 0, 1, 1])
    #expect(steps.filter { $0.stage == .repair }.map(\.assignment) == [[0, 0, 1, 1], [0, 1, 1, 1]])
    #expect(steps.filter { $0.stage == .repair }.map(\.isAccepted) == [true, false])
  }

  @Test func aTargetOutOfReachNamesTheBestFound() throws {
    let model = Self.random(seed: 3)
    for target in [AllocationTarget.divergence(1e-9), .perplexityIncrease(0), .agreement(1)] {
      let error = try #require(throws: PassError.self) { try model.search(target) }
      guard case .targetNotMet(target.text, let best) = error else {
        Issue.record("\(error)")
        continue
      }
      // The largest of all, which is the last one tried.
      #expect(best == model.accuracy(of: [Int](repeating: 0, count: 7)).text)
      #expect(error.diagnosis.status == .limitExceeded && error.diagnosis.code == "passes.target-not-met")
    }
    let least = model.units.byteCount(of: [Int](repeating: 2, count: 7))
    #expect(try model.search(.size(least)).chosen == [Int](repeating: 2, count: 7))
    #expect(throws: PassError.self) { try model.search(.size(least - 1)) }
  }

  /// A measurement that keeps the target only by luck is refused.
  @Test(arguments: [AllocationTarget.divergence(0.2), .perplexityIncrease(0.2), .agreement(0.98)])
  func theTargetIsKeptWithOneStandardErrorToSpare(target: AllocationTarget) throws {
    let model = Self.random(seed: 5)
    let sure = try model.search(target), unsure = try model.search(target, error: 0.1)
    #expect(model.divergence(of: sure.chosen) <= 0.2 + 1e-12)
    #expect(model.divergence(of: unsure.chosen) <= 0.1 + 1e-12)
    #expect(model.units.byteCount(of: unsure.chosen) > model.units.byteCount(of: sure.chosen))
  }

  /// The ratio of a few windows may be lucky; the divergence says what to expect elsewhere.
  @Test func aPerplexityIsKeptByTheDivergenceToo() {
    func isKept(ratio: Double, divergence: Double) -> Bool {
      AllocationTarget.perplexityIncrease(0.02).isKept(
        by: CandidateAccuracy(
          perplexityRatio: ratio, perplexityRatioError: 0.001, divergence: divergence, divergenceError: 0.001,
          agreement: 0.9, agreementError: 0, tokenCount: 1_000))
    }
    #expect(isKept(ratio: 1.0189, divergence: 0.0187) && isKept(ratio: 0.99, divergence: 0.0187))
    #expect(!isKept(ratio: 1.0191, divergence: 0.001) && !isKept(ratio: 1, divergence: 0.0189))
  }

  /// A point above the line between its neighbours, and one that is larger and worse, are never on the path.
  @Test func optionsOffTheConvexHullAreSkipped() {
    let model = Quadratic(
      byteCounts: [[900, 800, 500, 100]], changes: [[[0.2], [0.1], [0.95], [1]]])
    let path = DamageOrdering(model.units, model.damage(countingPairs: true)).path()
    #expect(path == [[1], [3]])
  }

  @Test func predictionsOfMixturesAreExactWhereDamageIsQuadratic() {
    let model = Self.random(seed: 8)
    let damage = model.damage(countingPairs: true)
    for assignment in model.all.enumerated().filter({ $0.offset % 97 == 0 }).map(\.element) {
      let expected = model.divergence(of: assignment)
      #expect(abs(damage.divergence(of: assignment, countingPairs: true) - expected) <= 1e-9 * expected)
    }
  }
}
