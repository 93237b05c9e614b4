import Diagnostics

extension PassListError: Diagnosable {
  public var diagnosis: Diagnosis {
    let words = self.words
    return Diagnosis(
      code: "passes.\(words.code)", what: words.what, place: words.place.description, why: words.why, fix: words.fix,
      status: .usage)
  }

  private typealias Words = (code: String, what: String, place: SourcePlace, why: String, fix: String)

  private var words: Words {
    switch self {
    case .tooLarge(let byteCount, let limit, let place):
      (
        "too-large", "the pass list has \(byteCount) bytes", place, "a pass list may have \(limit) bytes at most",
        "check that this is the right file"
      )
    case .notUTF8(let place):
      (
        "not-utf8", "the pass list is not UTF-8 text", place, "a pass list is YAML in UTF-8",
        "save the file in UTF-8, or check that this is the right file"
      )
    case .malformedYAML(let problem, let place):
      (
        "malformed-yaml", "the pass list is not YAML: \(problem)", place, "it cannot be read past this point",
        "mend the YAML; docs/passes.md shows a list"
      )
    case .anchor(let place):
      (
        "anchor", "the pass list holds a YAML anchor", place, "a pass list repeats nothing, so anchors are refused",
        "write the value out where it is used; leave a space after an '&' that is only text"
      )
    case .unquotedPattern(let place):
      (
        "unquoted-pattern", "a value begins with '*' or '!' and is not in quotes", place,
        "YAML reads an unquoted '*' as an alias and an unquoted '!' as a tag", #"write it in quotes: "*.mlp.*""#
      )
    case .missingVersion(let place):
      (
        "missing-version", "the pass list does not say its version", place,
        "every list states the version it is written for",
        "begin the file with 'version: 1'"
      )
    case .unsupportedVersion(let found, let supported, let place):
      (
        "unsupported-version", "the pass list has version '\(found)'", place, "this program reads version \(supported)",
        "use a newer program, or write 'version: \(supported)' and mend what is refused then"
      )
    case .wrongShape(let subject, let expected, let place):
      (
        "wrong-shape", "\(subject) must be \(expected)", place, "nothing else can stand here",
        "docs/passes.md shows a list"
      )
    case .unknownKey(let key, let nearest, let known, let place):
      (
        "unknown-key", "a pass list has no key '\(key)'", place, "its keys are \(known.joined(separator: ", "))",
        Self.correction(nearest, otherwise: "remove it")
      )
    case .duplicateKey(let key, let place):
      ("duplicate-key", "the key '\(key)' stands twice", place, "one of the two would be ignored", "remove one of them")
    case .emptyList(let place):
      (
        "empty-list", "the pass list holds no passes", place, "an empty list is more likely a mistake than a wish",
        "add a pass under 'passes:', or compile without a list to keep every tensor as it is"
      )
    case .emptyStep(let place):
      (
        "empty-step", "the step names no pass", place, "a step is the name of a pass and its options",
        "write for example --pass 'quantize bits=4', or remove it"
      )
    case .unknownPass(let name, let nearest, let known, let place):
      (
        "unknown-pass", "there is no pass '\(name)'", place, "the passes are \(known.joined(separator: ", "))",
        Self.correction(
          nearest,
          otherwise: name.contains(" ")
            ? "in a file, write '- quantize: { bits: 4 }'" : "`swage passes` describes them")
      )
    case .unknownOption(let owner, let option, let nearest, let known, let place):
      (
        "unknown-option", "\(owner) has no option '\(option)'", place,
        "its options are \(known.joined(separator: ", "))",
        Self.correction(nearest, otherwise: "remove it")
      )
    case .duplicateOption(let owner, let option, let place):
      (
        "duplicate-option", "\(owner) is given '\(option)' twice", place, "one of the two would be ignored",
        "remove one of them"
      )
    case .missingOption(let owner, let option, let expected, let place):
      ("missing-option", "\(owner) needs the option '\(option)'", place, "it has no default", "give it \(expected)")
    case .invalidValue(let owner, let option, let expected, let found, let isOutOfRange, let place):
      (
        isOutOfRange ? "out-of-range" : "invalid-value", "'\(option)' of \(owner) cannot be '\(found)'", place,
        "it takes \(expected)", "give it \(expected)"
      )
    case .missingEqualsSign(let word, let place):
      (
        "missing-equals-sign", "'\(word)' is not an option with a value", place,
        "after the pass every word is key=value",
        "write '\(word)=…', without spaces around the '='"
      )
    case .conflict(let pass, let conflict, let place):
      ("conflicting-options", "\(pass): \(conflict.what)", place, conflict.why, conflict.fix)
    }
  }

  private static func correction(_ nearest: String?, otherwise: String) -> String {
    nearest.map { "did you mean '\($0)'?" } ?? otherwise
  }
}
