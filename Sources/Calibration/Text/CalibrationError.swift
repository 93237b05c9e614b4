import Diagnostics

/// Why calibration cannot be done with what was given.
public enum CalibrationError: Error, Equatable, Diagnosable {
  case empty(path: String)
  case notUTF8(path: String)
  /// Every sequence takes `windowTokenCount` tokens of the text, which is one of `textCount` that share the sequences.
  case tooShort(
    path: String, tokenCount: Int, needed: Int, windowTokenCount: Int, heldOutCount: Int, textCount: Int)
  /// `share` of the tokens are one and the same.
  case monotonous(path: String, distinctCount: Int, share: Double)
  case lineMalformed(path: String, line: Int, reason: String)
  case fieldMissing(path: String, line: Int, field: String, nearest: String?, known: [String])
  case fieldNotText(path: String, line: Int, field: String, kind: String)
  /// An item of a file of token ids.
  case notAnID(path: String, text: String, number: Int)
  case tokenOutOfRange(path: String, id: Int, number: Int, vocabularyCount: Int)
  case noTokenizer(path: String)
  /// Every task needs a sequence.
  case fewerSequencesThanTasks(sequenceCount: Int, taskCount: Int)
  case lengthOutOfRange(length: Int, least: Int, contextLength: Int)
  /// The original computes logits that are not finite on a window.
  case originalNotFinite(window: Int, position: Int)
  case memoryTooSmall(limit: Int, needed: Int)
  /// Nothing is multiplied with the parameter.
  case noInputs(parameter: String, block: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .empty(let path):
      .malformed(
        "empty", "the calibration text is empty", at: path, why: "there is nothing to run through the model",
        fix: "give a text like the one the model will see")
    case .notUTF8(let path):
      .malformed(
        "not-utf8", "the calibration text is not UTF-8", at: path, why: "the tokenizer works on Unicode text",
        fix: "convert it, for example with: iconv -f latin1 -t utf-8")
    case .tooShort(let path, let tokenCount, let needed, let windowTokenCount, let heldOutCount, let textCount):
      .malformed(
        "too-short", "the calibration text is too short", at: path,
        why: "it has \(tokenCount) tokens, and \(needed) are needed"
          + (heldOutCount > 0 ? ", \(heldOutCount) windows to judge candidates on among them" : ""),
        fix: Self.fit((tokenCount / windowTokenCount - heldOutCount) * textCount))
    case .monotonous(let path, let distinctCount, let share):
      .malformed(
        "monotonous", "the calibration text says next to nothing", at: path,
        why: "it has \(distinctCount) different tokens, and one of them makes up \(NumberText.fixed(share * 100, 1)) %",
        fix: "give a text like the one the model will see")
    case .lineMalformed(let path, let line, let reason):
      .malformed(
        "line-malformed", "line \(line) is not a JSON object", at: "\(path), line \(line)", why: reason,
        fix: "give a file of one JSON object a line, or plain text under a name that does not end in .jsonl")
    case .fieldMissing(let path, let line, let field, let nearest, let known):
      .malformed(
        "field-missing", "there is no field '\(field)'", at: "\(path), line \(line)",
        why: "the object has \(known.isEmpty ? "no fields" : known.joined(separator: ", "))",
        fix: nearest.map { "did you mean '\($0)'?" } ?? "name the field with the text: --calibration-field NAME")
    case .fieldNotText(let path, let line, let field, let kind):
      .malformed(
        "field-not-text", "the field '\(field)' is \(kind)", at: "\(path), line \(line)",
        why: "the field must hold a text", fix: "name another field, or mend the line")
    case .notAnID(let path, let text, let number):
      .malformed(
        "not-an-id", "'\(text)' is not a token id", at: "\(path), item \(number)",
        why: "a file whose name ends in .ids holds whole numbers, separated by commas or white space",
        fix: "mend the item, or rename the file if it is text")
    case .tokenOutOfRange(let path, let id, let number, let vocabularyCount):
      .malformed(
        "token-out-of-range", "token id \(id) is not in the vocabulary", at: "\(path), item \(number)",
        why: "the model's ids are 0…\(vocabularyCount - 1)", fix: "tokenize the text with this model's tokenizer")
    case .noTokenizer(let path):
      .malformed(
        "no-tokenizer", "the checkpoint has no tokenizer for the calibration text", at: path,
        why: "text becomes token ids through the model's own tokenizer",
        fix: "put tokenizer.json or tokenizer.model into the checkpoint's folder, or give a file of ids, NAME.ids")
    case .lengthOutOfRange(let length, let least, let contextLength):
      .malformed(
        "length-out-of-range", "sequences of \(length) tokens are not possible", at: "--calibration-length",
        why: "the model was made for at most \(contextLength) tokens, and \(least) are the least that say anything",
        fix: "choose \(least) to \(contextLength)")
    case .fewerSequencesThanTasks(let sequenceCount, let taskCount):
      Diagnosis(
        code: "calibration.fewer-sequences-than-tasks",
        what: "\(sequenceCount) sequences cannot be shared out over \(taskCount) tasks",
        place: "--calibration-sequences",
        why: "every task needs one at least", fix: "take at least sequences=\(taskCount)", status: .usage)
    case .originalNotFinite(let window, let position):
      .malformed(
        "original-not-finite", "the original computes a logit that is not a number",
        at: "held-out window \(window), token \(position)", why: "nothing can be compared with it",
        fix: "check the checkpoint's weights")
    case .memoryTooSmall(let limit, let needed):
      Diagnosis(
        code: "calibration.memory-too-small", what: "calibration cannot keep within \(limit) bytes",
        place: "--memory",
        why: "the largest block, the statistics of its widest input and one sequence take \(needed) bytes",
        fix: "allow at least \(needed) bytes, or shorter sequences", status: .limitExceeded)
    case .noInputs(let parameter, let block):
      Diagnosis(
        code: "calibration.no-inputs", what: "\(parameter) has no inputs in \(block)", place: parameter,
        why: "a table is looked up, not multiplied, and norms and biases are not matrices",
        fix: "this is a fault in Swage; please report it with the pass list", status: .internalError)
    }
  }

  /// What to do where all texts together can give `count` sequences.
  private static func fit(_ count: Int) -> String {
    count > 0
      ? "give a longer text, or take sequences=\(count), or shorter ones"
      : "give a longer text, or take shorter sequences"
  }
}

extension Diagnosis {
  fileprivate static func malformed(
    _ code: String, _ what: String, at place: String, why: String, fix: String
  ) -> Diagnosis {
    Diagnosis(code: "calibration.\(code)", what: what, place: place, why: why, fix: fix, status: .malformedInput)
  }
}
