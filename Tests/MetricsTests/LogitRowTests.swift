import Glibc
import TensorCore
import Testing

@testable import Metrics

/// The same quantities by their definitions, in double precision with the C library.
private enum Oracle {
  static func logProbabilities(_ logits: [Float]) -> [Double] {
    let peak = Double(logits.max()!)
    let logSum = peak + log(logits.reduce(0.0) { $0 + exp(Double($1) - peak) })
    return logits.map { Double($0) - logSum }
  }

  static func divergence(_ original: [Float], _ compiled: [Float]) -> Double {
    zip(logProbabilities(original), logProbabilities(compiled)).reduce(0.0) { $0 + exp($1.0) * ($1.0 - $1.1) }
  }
}

private func logits(_ count: Int, spread: Float, seed: UInt64) -> [Float] {
  var generator = SplitMix64(seed: seed)
  return (0..<count).map { _ in (generator.nextUnitFloat() - 0.7) * spread }
}

/// Relative error of a sum whose terms carry the exponential's 1e-11, with room for cancellation in the divergence.
private let relativeTolerance = 1e-9

@Suite struct LogitRowTests {
  @Test(arguments: [
    (1, 1 as Float), (2, 10), (3, 40), (17, 8), (4_096, 12), (4_096, 60), (50_257, 25), (262_144, 30),
  ])
  func agreesWithTheDefinition(count: Int, spread: Float) throws {
    let original = logits(count, spread: spread, seed: 1)
    let noise = logits(count, spread: spread / 50, seed: 2)
    let compiled = zip(original, noise).map { $0 + $1 }
    let target = count * 2 / 3
    let measured = try LogitRow.compare(
      original: original.span, compiled: compiled.span, target: target, position: 0)
    let originalLoss = -Oracle.logProbabilities(original)[target]
    let compiledLoss = -Oracle.logProbabilities(compiled)[target]
    let divergence = Oracle.divergence(original, compiled)
    #expect(abs(measured.originalLoss - originalLoss) <= relativeTolerance * max(1, originalLoss))
    #expect(abs(measured.compiledLoss - compiledLoss) <= relativeTolerance * max(1, compiledLoss))
    #expect(abs(measured.divergence - divergence) <= relativeTolerance * max(1e-3, divergence))
    #expect(measured.agrees == (original.firstIndex(of: original.max()!) == compiled.firstIndex(of: compiled.max()!)))
    #expect(try LogitRow.loss(of: target, in: original.span, position: 0) == measured.originalLoss)
  }

  @Test func matchesHandComputedRows() throws {
    // p = (1/4, 3/4), q = (1/2, 1/2): KL = 1/4·ln(1/2) + 3/4·ln(3/2).
    let original: [Float] = [0, log(3 as Float)]
    let compiled: [Float] = [5, 5]
    let measured = try LogitRow.compare(original: original.span, compiled: compiled.span, target: 1, position: 0)
    #expect(abs(measured.originalLoss - log(4.0 / 3)) < 1e-7)
    #expect(abs(measured.compiledLoss - log(2.0)) < 1e-11)
    #expect(abs(measured.divergence - (0.25 * log(0.5) + 0.75 * log(1.5))) < 1e-7)
    #expect(abs(measured.correctProbabilityChange - -0.25) < 1e-7)
    #expect(!measured.agrees, "equal logits count as the lowest id")
  }

  @Test func equalRowsDifferByNothingAtAll() throws {
    let row = logits(5_000, spread: 30, seed: 9)
    let measured = try LogitRow.compare(original: row.span, compiled: row.span, target: 17, position: 0)
    #expect(measured.divergence == 0)
    #expect(measured.originalLoss == measured.compiledLoss)
    #expect(measured.correctProbabilityChange == 0)
    #expect(measured.agrees)
  }

  @Test func aConstantAddedToEveryLogitChangesNothing() throws {
    let row: [Float] = [0.5, -2, 3.25, 1]
    let shifted = row.map { $0 + 1_024 }
    let measured = try LogitRow.compare(original: row.span, compiled: shifted.span, target: 0, position: 0)
    #expect(measured.divergence < 1e-12)
    #expect(abs(measured.originalLoss - measured.compiledLoss) < 1e-12)
  }

  @Test func logitsFarBelowThePeakWeighNothing() throws {
    let row: [Float] = [0, -1e30, -3e38, -800]
    #expect(try LogitRow.loss(of: 0, in: row.span, position: 0) == 0)
    #expect(try LogitRow.loss(of: 3, in: row.span, position: 0) == 800)
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func namesTheLogitThatIsNotFinite(_ bad: Float) {
    let good = [Float](repeating: 1, count: 40)
    var broken = good
    broken[31] = bad
    #expect(throws: MetricsError.nonFiniteLogit(.scored, position: 7, token: 31)) {
      try LogitRow.loss(of: 0, in: broken.span, position: 7)
    }
    #expect(throws: MetricsError.nonFiniteLogit(.compiled, position: 8, token: 31)) {
      try LogitRow.compare(original: good.span, compiled: broken.span, target: 0, position: 8)
    }
    #expect(throws: MetricsError.nonFiniteLogit(.original, position: 9, token: 31)) {
      try LogitRow.compare(original: broken.span, compiled: good.span, target: 0, position: 9)
    }
  }

  @Test func refusesRowsThatDoNotFit() {
    let two: [Float] = [0, 0]
    let three: [Float] = [0, 0, 0]
    #expect(throws: MetricsError.targetOutsideVocabulary(target: 2, vocabularyCount: 2, position: 3)) {
      try LogitRow.loss(of: 2, in: two.span, position: 3)
    }
    #expect(throws: MetricsError.targetOutsideVocabulary(target: -1, vocabularyCount: 2, position: 0)) {
      try LogitRow.loss(of: -1, in: two.span, position: 0)
    }
    #expect(throws: MetricsError.rowLengthsDiffer(original: 2, compiled: 3)) {
      try LogitRow.compare(original: two.span, compiled: three.span, target: 0, position: 0)
    }
    #expect(throws: MetricsError.targetOutsideVocabulary(target: 0, vocabularyCount: 0, position: 0)) {
      try LogitRow.loss(of: 0, in: [Float]().span, position: 0)
    }
  }

  @Test func exponentialKeepsItsPromisedError() {
    for step in 0..<70_000 {
      let x = -Double(step) / 100
      #expect(abs(Exponential.ofNonPositive(x) / exp(x) - 1) < 1e-11)
    }
    #expect(Exponential.ofNonPositive(0) == 1)
    #expect(Exponential.ofNonPositive(-1e300) == Exponential.ofNonPositive(-700))
  }
}
