import Diagnostics
import Glibc
import PassKit

/// What an allocation must keep, as the user states it.
enum AllocationTarget: Sendable, Equatable {
  /// Growth of the perplexity, as a share of the original's.
  case perplexityIncrease(Double)
  /// Mean KL(original ‖ candidate) in nats per token.
  case divergence(Double)
  /// Share of positions whose most likely token agrees.
  case agreement(Double)
  /// Bytes of all values of the model.
  case size(Int)
  /// Mean bits per weight of what is taken.
  case bitsPerWeight(Double)

  /// Standard errors by which a measurement must keep the target: the search picks the best of many measurements, which
  /// favours lucky ones.
  static let caution = 1.0

  /// Whether a measurement keeps the target with caution; a size says nothing about accuracy.
  ///
  /// A perplexity must be kept by the divergence as well: that is what the logarithm of the perplexity grows by on text
  /// that is as likely as the original takes it to be, with an error many times smaller than that of the ratio on a few
  /// windows, which many trials would sooner or later keep by luck.
  func isKept(by accuracy: CandidateAccuracy) -> Bool {
    switch self {
    case .perplexityIncrease(let limit):
      accuracy.perplexityRatio + Self.caution * accuracy.perplexityRatioError <= 1 + limit
        && Self.divergence(log1p(limit)).isKept(by: accuracy)
    case .divergence(let limit): accuracy.divergence + Self.caution * accuracy.divergenceError <= limit
    case .agreement(let limit): accuracy.agreement - Self.caution * accuracy.agreementError >= limit
    case .size, .bitsPerWeight: true
    }
  }

  /// That even the smallest candidates need more bytes than the target allows.
  func notMet(leastByteCount: Int) -> PassError {
    .targetNotMet(target: text, best: "\(NumberText.count(leastByteCount)) bytes")
  }

  /// The target in the words of the options.
  var text: String {
    switch self {
    case .perplexityIncrease(let limit): "max-perplexity-increase=\(NumberText.significant(100 * limit))%"
    case .divergence(let limit): "max-kl=\(NumberText.significant(limit))"
    case .agreement(let limit): "min-agreement=\(NumberText.significant(100 * limit))%"
    case .size(let limit): "size=\(NumberText.count(limit))"
    case .bitsPerWeight(let limit): "bits-per-weight=\(NumberText.significant(limit))"
    }
  }
}

extension CandidateAccuracy {
  /// The figures with their standard errors, for people.
  var text: String {
    "perplexity × \(NumberText.fixed(perplexityRatio, 4)) ± \(NumberText.significant(perplexityRatioError, 2)), KL "
      + "divergence \(NumberText.significant(divergence)) ± \(NumberText.significant(divergenceError, 2)), agreement "
      + "\(NumberText.fixed(100 * agreement, 2)) % ± \(NumberText.significant(100 * agreementError, 2)) on "
      + "\(NumberText.count(tokenCount)) tokens"
  }
}
