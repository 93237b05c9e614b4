import Metrics

/// What a compile may cost at most; nil sets no limit.
public struct GateLimits: Sendable, Equatable {
  /// Increase of the perplexity as a share of the original's: 0.02 for 2 %.
  public var maxPerplexityIncrease: Double?
  /// Mean KL divergence in nats per token.
  public var maxKLDivergence: Double?
  /// Share of positions whose most likely token agrees, 0…1.
  public var minAgreement: Double?

  public init(maxPerplexityIncrease: Double? = nil, maxKLDivergence: Double? = nil, minAgreement: Double? = nil) {
    self.maxPerplexityIncrease = maxPerplexityIncrease
    self.maxKLDivergence = maxKLDivergence
    self.minAgreement = minAgreement
  }

  /// Holds the point estimates against the limits that are set; a measurement that is not a number meets none.
  public func results(for summary: PairedSummary) -> [GateResult] {
    var results: [GateResult] = []
    if let limit = maxPerplexityIncrease {
      let ratio = summary.perplexityRatio
      let measured = ConfidenceInterval(estimate: ratio.estimate - 1, low: ratio.low - 1, high: ratio.high - 1)
      results.append(GateResult(gate: .maxPerplexityIncrease, limit: limit, measured: measured))
    }
    if let limit = maxKLDivergence {
      results.append(GateResult(gate: .maxKLDivergence, limit: limit, measured: summary.meanDivergence))
    }
    if let limit = minAgreement {
      results.append(GateResult(gate: .minAgreement, limit: limit, measured: summary.agreement))
    }
    return results
  }
}

/// A limit and what was measured against it.
public struct GateResult: Sendable, Equatable {
  /// Named as on the command line.
  public enum Gate: String, Sendable {
    case maxPerplexityIncrease = "max-perplexity-increase"
    case maxKLDivergence = "max-kl"
    case minAgreement = "min-agreement"
  }

  public let gate: Gate
  /// A share, or nats for the divergence.
  public let limit: Double
  public let measured: ConfidenceInterval

  public init(gate: Gate, limit: Double, measured: ConfidenceInterval) {
    self.gate = gate
    self.limit = limit
    self.measured = measured
  }

  /// Whether the estimate keeps the limit; the interval is for the reader.
  public var met: Bool {
    gate == .minAgreement ? measured.estimate >= limit : measured.estimate <= limit
  }
}
