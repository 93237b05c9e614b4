import Glibc

/// Two models at one position of a text.
public struct RowComparison: Sendable, Equatable {
  /// Negative log-likelihood of the token that follows, in nats, under the original.
  public let originalLoss: Double
  /// The same under the compiled model.
  public let compiledLoss: Double
  /// KL(original ‖ compiled) in nats, never negative.
  public let divergence: Double
  /// Whether both find the same token most likely (of equals, the lowest id).
  public let agrees: Bool

  /// Probability of the token that follows under the compiled model, minus that under the original.
  public var correctProbabilityChange: Double { exp(-compiledLoss) - exp(-originalLoss) }

  public init(originalLoss: Double, compiledLoss: Double, divergence: Double, agrees: Bool) {
    self.originalLoss = originalLoss
    self.compiledLoss = compiledLoss
    self.divergence = divergence
    self.agrees = agrees
  }
}

/// Measurements of one row of logits, in double precision; `position` only names the row in errors.
public enum LogitRow {
  /// Negative log-likelihood of `target` in nats: ln Σ exp(logit) − logit[target].
  /// - Throws: `MetricsError` when a logit is not finite or `target` is outside the row.
  public static func loss(of target: Int, in logits: Span<Float>, position: Int) throws(MetricsError) -> Double {
    let peak = try Peak(of: logits, target: target, .scored, position)
    let shift = Double(peak.value)
    var sum = 0.0
    for i in logits.indices { sum += Exponential.ofNonPositive(Double(logits[i]) - shift) }
    return log(sum) + shift - Double(logits[target])
  }

  /// Both models' losses, their divergence and agreement in two passes over the rows.
  ///
  /// With p = softmax(a) and q = softmax(b): KL(p ‖ q) = Σ p·(a − b) − ln Σ exp(a) + ln Σ exp(b).
  /// - Throws: `MetricsError` when the rows differ in length, a logit is not finite or `target` is outside the rows.
  public static func compare(
    original: Span<Float>, compiled: Span<Float>, target: Int, position: Int
  ) throws(MetricsError) -> RowComparison {
    guard original.count == compiled.count else {
      throw .rowLengthsDiffer(original: original.count, compiled: compiled.count)
    }
    let originalPeak = try Peak(of: original, target: target, .original, position)
    let compiledPeak = try Peak(of: compiled, target: target, .compiled, position)
    let originalShift = Double(originalPeak.value)
    let compiledShift = Double(compiledPeak.value)
    var originalSum = 0.0
    var compiledSum = 0.0
    var weightedDifference = 0.0
    for i in original.indices {
      let a = Double(original[i])
      let b = Double(compiled[i])
      let weight = Exponential.ofNonPositive(a - originalShift)
      originalSum += weight
      compiledSum += Exponential.ofNonPositive(b - compiledShift)
      weightedDifference += weight * (a - b)
    }
    let originalLogSum = log(originalSum) + originalShift
    let compiledLogSum = log(compiledSum) + compiledShift
    return RowComparison(
      originalLoss: originalLogSum - Double(original[target]),
      compiledLoss: compiledLogSum - Double(compiled[target]),
      divergence: max(0, weightedDifference / originalSum - (originalLogSum - compiledLogSum)),
      agrees: originalPeak.token == compiledPeak.token)
  }
}

/// The largest logit of a row that is known to be finite throughout.
private struct Peak {
  let token: Int
  let value: Float

  init(of logits: Span<Float>, target: Int, _ source: RowSource, _ position: Int) throws(MetricsError) {
    guard logits.indices.contains(target) else {
      throw .targetOutsideVocabulary(target: target, vocabularyCount: logits.count, position: position)
    }
    var token = 0
    var value = -Float.infinity
    // Stays 0 as long as every logit is finite: neither NaN · 0 nor ∞ · 0 is 0.
    var witness: Float = 0
    for i in logits.indices {
      let logit = logits[i]
      witness += logit * 0
      if logit > value {
        value = logit
        token = i
      }
    }
    guard witness == 0 else {
      let offender = logits.indices.first { !logits[$0].isFinite } ?? 0
      throw .nonFiniteLogit(source, position: position, token: offender)
    }
    self.token = token
    self.value = value
  }
}
