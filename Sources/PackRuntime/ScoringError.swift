import Diagnostics
import Metrics

/// Why a text cannot be scored.
public enum ScoringError: Error, Equatable, Diagnosable {
  case windowOutOfRange(requested: Int, contextLength: Int)
  case tooFewTokens(Int)
  case unmeasurable(MetricsError)

  public var diagnosis: Diagnosis {
    switch self {
    case .windowOutOfRange(let requested, let contextLength):
      Diagnosis(
        code: "score.window-out-of-range", what: "a window of \(requested) tokens is not possible", place: "--window",
        why: "a window holds at least 2 tokens, and at most the model's context of \(contextLength)",
        fix: "choose a window of 2 to \(contextLength) tokens", status: .usage)
    case .tooFewTokens(let count):
      Diagnosis(
        code: "score.too-few-tokens", what: "there is nothing to score", place: "a text of \(count) tokens",
        why: "the first token of a window is only context, so that two tokens are the least",
        fix: "give a longer text", status: .malformedInput)
    case .unmeasurable(.nonFiniteLogit(let source, let position, let token)):
      Diagnosis(
        code: "score.non-finite-logit", what: "the \(Self.name(of: source)) computes a logit that is not a number",
        place: "after token \(position) of the text, logit of token \(token)",
        why: "a NaN or infinite logit has no probability", fix: "check the weights for values that overflow in float32",
        status: .internalError)
    case .unmeasurable(.targetOutsideVocabulary(let target, let vocabularyCount, let position)):
      Diagnosis(
        code: "score.token-out-of-range", what: "token id \(target) is not in the vocabulary",
        place: "token \(position + 1) of the text", why: "the model's ids are 0…\(vocabularyCount - 1)",
        fix: "tokenize the text with this model's tokenizer", status: .malformedInput)
    case .unmeasurable(.rowLengthsDiffer(let original, let compiled)):
      Diagnosis(
        code: "score.vocabularies-differ", what: "the two models do not have the same vocabulary",
        place: "\(original) tokens in the original, \(compiled) in the compiled model",
        why: "only distributions over the same tokens can be compared",
        fix: "verify a pack against the checkpoint it was made from",
        status: .malformedInput)
    }
  }

  private static func name(of source: RowSource) -> String {
    switch source {
    case .scored: "model"
    case .original: "original model"
    case .compiled: "compiled model"
    }
  }
}
