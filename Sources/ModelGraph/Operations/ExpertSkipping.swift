/// Which of the experts chosen for a token may be left out: online dynamic pruning (MC-MoE, arXiv 2410.06270, §3.3).
///
/// A graph carries the thresholds; whether they are used is decided when it runs.
public struct ExpertSkipping: Hashable, Sendable {
  /// An expert is left out where its probability is below this share of the largest of the token; above 0, at most 1.
  public let ratio: Float
  /// ‖x‖₂ of the mixture's input from which on a token keeps all its experts; nil where length protects none.
  public let protectedNorm: Float?

  public init(ratio: Float, protectedNorm: Float?) {
    self.ratio = ratio
    self.protectedNorm = protectedNorm
  }
}

extension ExpertSkipping {
  /// Nil when the fields tell of no skipping.
  init?(fields: inout FieldParser) throws(GraphError) {
    guard let ratio = try fields.numberIfPresent("skip_below") else { return nil }
    self.init(ratio: ratio, protectedNorm: try fields.numberIfPresent("protect_from"))
  }

  func printFields(into fields: inout FieldPrinter) {
    fields.number("skip_below", ratio)
    if let protectedNorm { fields.number("protect_from", protectedNorm) }
  }

  func requireSense() throws(GraphError) {
    guard ratio > 0, ratio <= 1 else { throw .attribute("skip_below", ratio, "must be above 0 and at most 1") }
    if let norm = protectedNorm, !(norm.isFinite && norm >= 0) {
      throw .attribute("protect_from", norm, "must be finite and not negative")
    }
  }
}

extension ModelGraph {
  /// The graph whose mixtures carry these thresholds.
  /// - Parameter skipping: for each of ``mixtures``, nil for one that always asks all the experts it chose.
  public func skippingExperts(_ skipping: [ExpertSkipping?]) -> ModelGraph {
    mappingMixtures { index, mixture in
      var mixture = mixture
      mixture.skipping = skipping[index]
      return mixture
    }
  }
}
