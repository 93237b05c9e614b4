/// Whose row of logits a measurement stumbled over.
public enum RowSource: String, Sendable, Equatable {
  /// The only model there is.
  case scored
  case original
  case compiled
}

/// Why a position cannot be measured. Positions count tokens of the text from 0.
public enum MetricsError: Error, Equatable {
  /// A logit is NaN or infinite.
  case nonFiniteLogit(RowSource, position: Int, token: Int)
  case targetOutsideVocabulary(target: Int, vocabularyCount: Int, position: Int)
  /// The two models do not have the same vocabulary.
  case rowLengthsDiffer(original: Int, compiled: Int)
}
