import Diagnostics
import Metrics
import PackRuntime
import TensorCore

/// What verification found, ready to be printed as a table, as JSON or as a page.
public struct VerifyReport: Sendable {
  public let subject: VerifySubject
  public let windowTokenCount: Int
  public let summary: PairedSummary
  /// Divergences of all positions, in nats.
  public let histogram: LogHistogram
  public let blockErrors: [BlockError]
  public let gates: [GateResult]

  /// - Parameter pairs: what was compared.
  /// - Throws: `ScoringError.tooFewTokens` when that is nothing.
  public init(
    _ pairs: PairedAccumulator, subject: VerifySubject, windowTokenCount: Int, blockErrors: [BlockError],
    limits: GateLimits
  ) throws(ScoringError) {
    var generator = SplitMix64(seed: VerifyJob.seed)
    guard let summary = pairs.summary(using: &generator) else { throw .tooFewTokens(0) }
    self.subject = subject
    self.windowTokenCount = windowTokenCount
    self.summary = summary
    histogram = LogHistogram(of: pairs.divergences, exponents: -8...2, binsPerDecade: 4)
    self.blockErrors = blockErrors
    gates = limits.results(for: summary)
  }

  /// Whether every limit that was set is kept.
  public var gatesMet: Bool { gates.allSatisfy(\.met) }

  /// The `result` of `verify --json`.
  public var document: JSONText {
    let percentiles = summary.divergencePercentiles
    return .object([
      ("original", .object([("perplexity", .number(summary.originalPerplexity))])),
      ("compiled", .object([("perplexity", .number(summary.compiledPerplexity))])),
      ("perplexity_ratio", .object(Self.members(summary.perplexityRatio))),
      (
        "kl_divergence",
        .object(
          Self.members(summary.meanDivergence) + [
            ("p50", .number(percentiles.value(at: 0.5))), ("p90", .number(percentiles.value(at: 0.9))),
            ("p99", .number(percentiles.value(at: 0.99))), ("p99_9", .number(percentiles.value(at: 0.999))),
            ("max", .number(percentiles.value(at: 1))),
          ])
      ),
      ("top1_agreement", .number(summary.agreement.estimate)),
      ("top1_agreement_interval", .object(Self.members(summary.agreement))),
      (
        "correct_token_probability_change",
        .object([
          ("mean", .number(summary.probabilityChangeMean)),
          ("root_mean_square", .number(summary.probabilityChangeRootMeanSquare)),
        ])
      ),
      ("tokens", .integer(Int64(summary.count))),
      ("windows", .integer(Int64(summary.windowCount))),
      ("window", .integer(Int64(windowTokenCount))),
      ("text", .string(subject.textName)),
      ("file_bytes", .integer(Int64(subject.fileByteCount))),
      (
        "bits_per_weight",
        .object([
          ("total", .number(subject.bitsPerWeight)),
          ("by_role", .object(subject.bitsPerWeightByRole.map { ($0.role, .number($0.bitsPerWeight)) })),
        ])
      ),
      (
        "block_errors",
        .array(blockErrors.map { .object([("block", .string($0.block)), ("relative", .number($0.relative))]) })
      ),
      ("gates", .array(gates.map(Self.document))),
    ])
  }

  private static func members(_ interval: ConfidenceInterval) -> [(String, JSONText)] {
    [("mean", .number(interval.estimate)), ("low", .number(interval.low)), ("high", .number(interval.high))]
  }

  private static func document(of gate: GateResult) -> JSONText {
    .object([
      ("name", .string(gate.gate.rawValue)), ("limit", .number(gate.limit)),
      ("measured", .number(gate.measured.estimate)),
      ("low", .number(gate.measured.low)), ("high", .number(gate.measured.high)), ("met", .boolean(gate.met)),
    ])
  }
}
