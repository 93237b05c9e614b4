/// What a pack cost on one text, measured by running it against the original (docs/format.md §3.7).
public struct AccuracyRecord: Sendable, Hashable {
  /// Tokens scored.
  public var tokenCount: Int
  /// Tokens in a window.
  public var windowTokenCount: Int
  public var originalPerplexity: Double
  public var compiledPerplexity: Double
  public var perplexityRatio: Estimate
  /// Nats per token.
  public var divergence: Estimate
  /// 99th percentile of the divergence, in nats.
  public var divergenceP99: Double
  /// Share of positions whose most likely token is the same.
  public var topAgreement: Double
  public var textDigest: SHA256Digest
  /// The text's file name without its folder.
  public var textName: String

  /// A mean with the ends of its confidence interval.
  public struct Estimate: Sendable, Hashable {
    public var mean: Double
    public var low: Double
    public var high: Double

    public init(mean: Double, low: Double, high: Double) {
      self.mean = mean
      self.low = low
      self.high = high
    }
  }

  public init(
    tokenCount: Int, windowTokenCount: Int, originalPerplexity: Double, compiledPerplexity: Double,
    perplexityRatio: Estimate, divergence: Estimate, divergenceP99: Double, topAgreement: Double,
    textDigest: SHA256Digest, textName: String
  ) {
    self.tokenCount = tokenCount
    self.windowTokenCount = windowTokenCount
    self.originalPerplexity = originalPerplexity
    self.compiledPerplexity = compiledPerplexity
    self.perplexityRatio = perplexityRatio
    self.divergence = divergence
    self.divergenceP99 = divergenceP99
    self.topAgreement = topAgreement
    self.textDigest = textDigest
    self.textName = textName
  }
}

extension AccuracyRecord {
  /// - Throws: `accuracyValue` with the first figure outside its valid range.
  func check() throws(PackFormatError) {
    try Self.check(tokenCount >= 1, "token count", tokenCount)
    try Self.check((2...Int(Int32.max)).contains(windowTokenCount), "window", windowTokenCount)
    for (name, figure) in [
      ("original perplexity", originalPerplexity), ("compiled perplexity", compiledPerplexity),
      ("perplexity ratio", perplexityRatio.mean), ("perplexity ratio, low", perplexityRatio.low),
      ("perplexity ratio, high", perplexityRatio.high),
    ] { try Self.check(figure.isFinite && figure > 0, name, figure) }
    for (name, figure) in [
      ("KL divergence", divergence.mean), ("KL divergence, low", divergence.low),
      ("KL divergence, high", divergence.high), ("KL divergence, 99th percentile", divergenceP99),
    ] { try Self.check(figure.isFinite, name, figure) }
    try Self.check((0...1).contains(topAgreement), "top-1 agreement", topAgreement)
    try Self.check(LabelRule.accepts(textName) && !textName.utf8.contains(UInt8(ascii: "/")), "text name", textName)
  }

  private static func check(
    _ holds: Bool, _ field: String, _ found: some CustomStringConvertible
  ) throws(PackFormatError) {
    guard holds else { throw .accuracyValue(field: field, found: found.description) }
  }
}
