import Diagnostics
import Metrics
import PackRuntime

/// A measured figure as words: the value, and the ends of its interval where there is one.
struct Figure {
  let name: String
  let value: String
  let interval: String
  /// Unit, or what the figure says.
  let note: String

  init(_ name: String, _ value: String, interval: String = "", note: String = "") {
    self.name = name
    self.value = value
    self.interval = interval
    self.note = note
  }
}

extension VerifyReport {
  /// The figures in the order a reader should meet them; the table and the page show the same.
  var figures: [Figure] {
    let percentiles = summary.divergencePercentiles
    return [
      Figure("perplexity, original", NumberText.fixed(summary.originalPerplexity, 4)),
      Figure("perplexity, compiled", NumberText.fixed(summary.compiledPerplexity, 4)),
      Figure(
        "perplexity ratio", NumberText.fixed(summary.perplexityRatio.estimate, 5),
        interval: Self.interval(summary.perplexityRatio) { NumberText.fixed($0, 5) }),
      Figure(
        "KL divergence, mean", NumberText.significant(summary.meanDivergence.estimate),
        interval: Self.interval(summary.meanDivergence) { NumberText.significant($0) }, note: "nats per token"),
    ]
      + [
        ("median", 0.5), ("90th percentile", 0.9), ("99th percentile", 0.99), ("99.9th percentile", 0.999),
        ("maximum", 1),
      ]
      .map { Figure("KL, \($0)", NumberText.significant(percentiles.value(at: $1)), note: "nats") }
      + [
        Figure(
          "top-1 agreement", Self.percent(summary.agreement.estimate),
          interval: Self.interval(summary.agreement, Self.percent)),
        Figure(
          "right token's probability", Self.signedPercent(summary.probabilityChangeMean),
          note: "mean change; root mean square \(Self.percent(summary.probabilityChangeRootMeanSquare))"),
        Figure("file size", NumberText.bytes(subject.fileByteCount), note: sizeNote),
        Figure("bits per weight", NumberText.fixed(subject.bitsPerWeight, 3), note: "every byte of the file counted"),
      ]
  }

  private var sizeNote: String {
    guard let original = subject.originalByteCount, original > 0 else { return "" }
    let share = Double(subject.fileByteCount) / Double(original)
    return "\(Self.percent(share)) of the checkpoint's \(NumberText.bytes(original))"
  }

  /// Where the figures come from.
  var basis: String {
    "\(NumberText.count(summary.count)) tokens of \(subject.textName), scored in "
      + "\(NumberText.count(summary.windowCount)) windows of \(windowTokenCount)"
  }

  /// How the intervals were made.
  var intervalBasis: String {
    let method =
      summary.windowCount >= BlockBootstrap.fewestBlocks
      ? "\(NumberText.count(BlockBootstrap.resampleCount)) bootstrap draws of whole windows"
      : "normal approximation over paired tokens (too few windows to draw from)"
    return "95 % intervals: \(method); Wilson's for the agreement"
  }

  var verdict: String {
    let missed = gates.filter { !$0.met }.count
    if gates.isEmpty { return "No gates were set" }
    if missed == 0 { return gates.count == 1 ? "The gate is met" : "All \(gates.count) gates are met" }
    return "\(missed) of \(gates.count) gate\(gates.count == 1 ? "" : "s") not met"
  }

  static func interval(_ interval: ConfidenceInterval, _ text: (Double) -> String) -> String {
    "\(text(interval.low)) … \(text(interval.high))"
  }

  static func percent(_ share: Double) -> String { NumberText.fixed(share * 100, 2) + " %" }

  static func signedPercent(_ share: Double) -> String { (share > 0 ? "+" : "") + percent(share) }
}

extension GateResult {
  /// The limit in the unit it is given in on the command line.
  var limitText: String { (gate == .minAgreement ? "≥ " : "≤ ") + text(limit) }

  func text(_ value: Double) -> String {
    switch gate {
    case .maxPerplexityIncrease: VerifyReport.signedPercent(value)
    case .maxKLDivergence: NumberText.significant(value) + " nats"
    case .minAgreement: VerifyReport.percent(value)
    }
  }
}
