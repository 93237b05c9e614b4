import Diagnostics
import ModelGraph
import TensorCore

/// Why a model cannot be bound or run.
public enum ExecutionError: Diagnosable, Equatable {
  /// The token at `index` of those given is outside `0 ..< vocabularyCount`.
  case tokenOutOfRange(id: Int, index: Int, vocabularyCount: Int)
  /// `tokenCount` tokens do not fit into a context of `contextLength`.
  case contextExceeded(tokenCount: Int, contextLength: Int)
  /// More context is asked for than the model was made for, or none.
  case contextOutOfRange(requested: Int, limit: Int)
  case emptyPrompt
  /// A sampler option outside its bounds.
  case samplerOption(name: String, value: String, bounds: String)
  /// An operator or vector has other dimensions than the graph calls for.
  case parameterDimensions(name: String, expected: [Int], found: [Int])
  case unsupportedOperation(mnemonic: String, block: String)
  /// The graph's inputs are not one sequence, or a source and a target.
  case inputs([String])
  /// A model that reads a source and a target was given no source, or a model that reads one sequence was given one.
  case source(isGiven: Bool)
  /// The block does not turn one activation into one activation, so it cannot be run alone.
  case blockNotSeparable(String)
  /// The logit of token `id` is NaN or +∞, or (`id` nil) all of them are −∞.
  case unusableLogits(id: Int?)

  public var diagnosis: Diagnosis {
    switch self {
    case .tokenOutOfRange(let id, let index, let vocabularyCount):
      Diagnosis(
        code: "execution.token-out-of-range", what: "token id \(id) is not in the vocabulary",
        place: "token \(index) of the input",
        why: "the model's ids are 0…\(vocabularyCount - 1)", fix: "tokenize the text with this model's tokenizer",
        status: .malformedInput)
    case .contextExceeded(let tokenCount, let contextLength):
      Diagnosis(
        code: "execution.context-exceeded", what: "the prompt is longer than the context",
        place: "\(tokenCount) tokens", why: "there is room for \(contextLength)",
        fix: "shorten the prompt, or give more context if the model allows it", status: .malformedInput)
    case .contextOutOfRange(let requested, let limit):
      Diagnosis(
        code: "execution.context-out-of-range", what: "a context of \(requested) tokens is not possible",
        place: "the context length",
        why: "the model was made for 1…\(limit) tokens", fix: "ask for at most \(limit)", status: .usage)
    case .emptyPrompt:
      Diagnosis(
        code: "execution.empty-prompt", what: "the prompt has no tokens", place: "the prompt",
        why: "a continuation needs something to continue", fix: "give at least one token", status: .usage)
    case .samplerOption(let name, let value, let bounds):
      Diagnosis(
        code: "execution.sampler-option", what: "\(name) cannot be \(value)", place: name,
        why: "it must lie in \(bounds)",
        fix: "choose a value in \(bounds)", status: .usage)
    case .parameterDimensions(let name, let expected, let found):
      Diagnosis(
        code: "execution.parameter-dimensions", what: "a parameter has the wrong dimensions", place: name,
        why: "the graph calls for \(expected), its value has \(found)", fix: "compile the model again",
        status: .malformedInput)
    case .unsupportedOperation(let mnemonic, let block):
      Diagnosis(
        code: "execution.unsupported-operation", what: "`\(mnemonic)` cannot be run here", place: "block \(block)",
        why: Self.rule(of: mnemonic), fix: "compile the model again",
        status: .unsupported)
    case .inputs(let sequences):
      Diagnosis(
        code: "execution.inputs", what: "the model reads the sequences \(sequences.joined(separator: ", "))",
        place: "the graph's inputs", why: "it must read one, or two of different names: a source and a target",
        fix: "compile the model again", status: .unsupported)
    case .source(let isGiven):
      Diagnosis(
        code: "execution.source",
        what: isGiven ? "the model reads one sequence, not a source and a target" : "the model reads two sequences",
        place: "the input",
        why: isGiven
          ? "only an encoder–decoder has a target of its own" : "an encoder–decoder reads a source and a target",
        fix: isGiven ? "give all tokens as one sequence" : "give the tokens of both", status: .usage)
    case .blockNotSeparable(let name):
      Diagnosis(
        code: "execution.block-not-separable", what: "block \(name) cannot be run alone", place: "block \(name)",
        why: "it must read one activation from before it and leave one for after it",
        fix: "cut the graph into other blocks",
        status: .unsupported)
    case .unusableLogits(let id):
      Diagnosis(
        code: "execution.unusable-logits", what: "the model's output is not a number one can choose by",
        place: id.map { "the logit of token \($0)" } ?? "all logits",
        why: id == nil ? "every token has probability zero" : "it is NaN or infinite",
        fix: "verify the packed file against its checkpoint", status: .internalError)
    }
  }

  private static func rule(of mnemonic: String) -> String {
    mnemonic == Attention.mnemonic
      ? "tokens cannot look at later ones, and a cross attention goes from the target to the source"
      : "a head computes the logits at the end of the program and nothing else"
  }
}
