import Diagnostics
import Foundation
import TensorCore
import Testing

@testable import Execution

extension Sampler {
  fileprivate mutating func next(_ logits: [Float]) throws -> Int { try next(logits.span) }
  fileprivate mutating func candidateIDs(_ logits: [Float]) throws -> [Int] { try candidates(logits.span).map(\.id) }
}

@Suite struct SamplerTests {
  /// Probabilities 0.4, 0.3, 0.2, 0.1 for ids 2, 0, 3, 1.
  private let logits: [Float] = [0.3, 0.1, 0.4, 0.2].map { Float(log($0)) }

  @Test func greedyTakesTheLowestOfTheLargest() throws {
    var sampler = Sampler(try SamplerOptions.greedy)
    #expect(try sampler.next([1, 3, -2, 3, 3]) == 1)
    #expect(try sampler.next([-.infinity, -7]) == 1)
  }

  @Test func greedyHeedsTheRepetitionPenalty() throws {
    var sampler = Sampler(try SamplerOptions(temperature: 0, repetitionPenalty: 2))
    sampler.accept([1])
    #expect(try sampler.next([1.6, 3, 1]) == 0)
    #expect(try sampler.next([1.4, 3, 1]) == 1)
    // A negative logit is multiplied.
    #expect(try sampler.next([-1.5, -1, -3]) == 0)
    #expect(try sampler.next([-2.5, -1, -3]) == 1)
    // Present twice, or outside the vocabulary, changes nothing.
    sampler.accept([1, 1, 99, -1])
    #expect(try sampler.next([1.4, 3, 1]) == 1)
  }

  @Test(arguments: [
    (SamplerSetting(), [2, 0, 3, 1]), (SamplerSetting(topK: 1), [2]), (SamplerSetting(topK: 3), [2, 0, 3]),
    (SamplerSetting(topK: 4), [2, 0, 3, 1]), (SamplerSetting(topK: 100), [2, 0, 3, 1]),
    (SamplerSetting(topP: 0), [2]), (SamplerSetting(topP: 0.39), [2]), (SamplerSetting(topP: 0.41), [2, 0]),
    (SamplerSetting(topP: 0.69), [2, 0]), (SamplerSetting(topP: 0.71), [2, 0, 3]),
    (SamplerSetting(topP: 0.91), [2, 0, 3, 1]),
    (SamplerSetting(minP: 0.26), [2, 0, 3]), (SamplerSetting(minP: 0.51), [2, 0]), (SamplerSetting(minP: 1), [2]),
    // Of the two that top-k leaves, the first has 4/7 = 0.571.
    (SamplerSetting(topK: 2, topP: 0.57), [2]), (SamplerSetting(topK: 2, topP: 0.58), [2, 0]),
    // Of the three that min-p leaves, the first two have 7/9 = 0.778.
    (SamplerSetting(topP: 0.77, minP: 0.26), [2, 0]), (SamplerSetting(topP: 0.79, minP: 0.26), [2, 0, 3]),
    // At temperature ½ probabilities are 16, 9, 4, 1 of 30, and min-p compares those.
    (SamplerSetting(temperature: 0.5, topP: 0.82), [2, 0]), (SamplerSetting(temperature: 0.5, topP: 0.84), [2, 0, 3]),
    (SamplerSetting(temperature: 0.5, minP: 0.26), [2, 0]),
  ])
  func theRightTokensAreLeft(setting: SamplerSetting, expected: [Int]) throws {
    var sampler = Sampler(try setting.options())
    #expect(Set(try sampler.candidateIDs(logits)) == Set(expected))
    // What is drawn are these and all of these.
    let drawn = Set(try (0..<2_000).map { _ in try sampler.next(logits) })
    #expect(drawn == Set(expected))
  }

  @Test func tokensAreDrawnAsOftenAsTheirProbabilitySays() throws {
    let count = 40_000
    var sampler = Sampler(try SamplerOptions(temperature: 1, topP: 1, seed: 11))
    var counts = [0, 0, 0, 0]
    for _ in 0..<count { counts[try sampler.next(logits)] += 1 }
    for (id, probability) in [0.3, 0.1, 0.4, 0.2].enumerated() {
      let deviation = (Double(count) * probability * (1 - probability)).squareRoot()
      #expect(abs(Double(counts[id]) - Double(count) * probability) < 4 * deviation)
    }
  }

  @Test func theSeedDecides() throws {
    func draw(_ seed: UInt64) throws -> [Int] {
      var sampler = Sampler(try SamplerOptions(temperature: 1, topP: 1, seed: seed))
      return try (0..<50).map { _ in try sampler.next(logits) }
    }
    #expect(try draw(3) == draw(3))
    #expect(try draw(3) != draw(4))
  }

  /// Against sorting everything, over a vocabulary large enough for the shortcuts to matter.
  @Test(arguments: [1, 2, 7, 100, 999, 1_000], [0, 0.3, 0.95, 0.999] as [Float])
  func shortcutsLeaveWhatSortingLeaves(topK: Int, topP: Float) throws {
    var generator = SplitMix64(seed: UInt64(topK))
    // Coarse values, so that many are equal.
    let logits = (0..<1_000).map { _ in Float(generator.next() % 64) / 8 }
    var sampler = Sampler(try SamplerOptions(temperature: 1, topK: topK, topP: topP))
    let ranked = logits.enumerated().sorted {
      $0.element > $1.element || $0.element == $1.element && $0.offset < $1.offset
    }
    .prefix(topK)
    let total = ranked.reduce(0.0) { $0 + exp(Double($1.element) - 8) }
    var sum = 0.0, expected: [Int] = []
    for (id, logit) in ranked where expected.isEmpty || sum < Double(topP) * total {
      expected.append(id)
      sum += exp(Double(logit) - 8)
    }
    #expect(try sampler.candidateIDs(logits).sorted() == expected.sorted())
  }

  @Test func whatIsNoNumberIsAnErrorAndNeverACrash() throws {
    for temperature in [0, 1] as [Float] {
      var sampler = Sampler(try SamplerOptions(temperature: temperature, repetitionPenalty: 0.01))
      #expect(throws: ExecutionError.unusableLogits(id: 1)) { try sampler.next([0, .nan, 1]) }
      #expect(throws: ExecutionError.unusableLogits(id: 2)) { try sampler.next([0, 1, .infinity]) }
      #expect(throws: ExecutionError.unusableLogits(id: nil)) {
        try sampler.next([-.infinity, -.infinity])
      }
      #expect(throws: ExecutionError.unusableLogits(id: nil)) { try sampler.next([]) }
      sampler.accept([0])
      #expect(throws: ExecutionError.unusableLogits(id: 0)) { try sampler.next([3e38, 0]) }
    }
    #expect(ExecutionError.unusableLogits(id: nil).diagnosis.status == .internalError)
  }

  @Test(arguments: [
    ("temperature", SamplerSetting(temperature: -0.1)), ("temperature", SamplerSetting(temperature: .nan)),
    ("temperature", SamplerSetting(temperature: 101)), ("top-k", SamplerSetting(topK: -1)),
    ("top-p", SamplerSetting(topP: 1.1)), ("top-p", SamplerSetting(topP: -0.1)), ("min-p", SamplerSetting(minP: 2)),
    ("repetition-penalty", SamplerSetting(repetitionPenalty: 0)),
    ("repetition-penalty", SamplerSetting(repetitionPenalty: .infinity)),
  ])
  func optionsOutOfBoundsAreRefusedByName(name: String, setting: SamplerSetting) {
    #expect {
      try setting.options()
    } throws: { error in
      guard case .samplerOption(let found, _, let bounds)? = error as? ExecutionError else { return false }
      let diagnosis = (error as? ExecutionError)?.diagnosis
      return found == name && diagnosis?.status == .usage && diagnosis?.why.contains(bounds) == true
    }
  }
}

struct SamplerSetting: Sendable {
  var temperature: Float = 1
  var topK = 0
  var topP: Float = 1
  var minP: Float = 0
  var repetitionPenalty: Float = 1

  func options() throws -> SamplerOptions {
    try SamplerOptions(
      temperature: temperature, topK: topK, topP: topP, minP: minP, repetitionPenalty: repetitionPenalty, seed: 9)
  }
}
