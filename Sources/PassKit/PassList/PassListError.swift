import Diagnostics

/// What is wrong with a pass list or a `--pass` step, before any model is looked at.
public enum PassListError: Error, Equatable {
  case tooLarge(byteCount: Int, limit: Int, place: SourcePlace)
  case notUTF8(place: SourcePlace)
  case malformedYAML(problem: String, place: SourcePlace)
  case anchor(place: SourcePlace)
  /// A plain scalar that begins with `*` or `!`, which YAML reads as an alias or a tag.
  case unquotedPattern(place: SourcePlace)
  case missingVersion(place: SourcePlace)
  case unsupportedVersion(found: String, supported: Int, place: SourcePlace)
  case wrongShape(of: String, expected: String, place: SourcePlace)
  case unknownKey(key: String, nearest: String?, known: [String], place: SourcePlace)
  case duplicateKey(key: String, place: SourcePlace)
  case emptyList(place: SourcePlace)
  case emptyStep(place: SourcePlace)
  case unknownPass(name: String, nearest: String?, known: [String], place: SourcePlace)
  case unknownOption(owner: String, option: String, nearest: String?, known: [String], place: SourcePlace)
  case duplicateOption(owner: String, option: String, place: SourcePlace)
  case missingOption(owner: String, option: String, expected: String, place: SourcePlace)
  case invalidValue(
    owner: String, option: String, expected: String, found: String, isOutOfRange: Bool, place: SourcePlace)
  /// A word of a `--pass` step that is not `key=value`.
  case missingEqualsSign(word: String, place: SourcePlace)
  case conflict(pass: String, OptionConflict, place: SourcePlace)
}

/// Options that are right one by one but not together.
public struct OptionConflict: Error, Hashable {
  public let what: String
  public let why: String
  public let fix: String

  public init(what: String, why: String, fix: String) {
    self.what = what
    self.why = why
    self.fix = fix
  }
}
