import Diagnostics

/// Why a compile cannot go on with the journal it finds.
enum JournalError: Error, Equatable, Diagnosable {
  /// The journal belongs to a compile of something else.
  case otherCompile(journal: String, CompileIdentity.Difference)
  /// A record is whole but does not say what a record says.
  case malformed(journal: String)
  /// The journal records other units than this compile has.
  case otherUnit(journal: String, expected: String, found: String)

  var diagnosis: Diagnosis {
    switch self {
    case .otherCompile(let journal, let difference):
      let (found, expected) = (difference.found ?? "missing", difference.expected ?? "missing")
      return Diagnosis(
        code: "journal.other-compile", what: "the journal beside the output is of another compile", place: journal,
        why: "its \(difference.name) is \(found), now it is \(expected)",
        fix: "pass --no-resume to start afresh, or delete the folder, or give the compile what it had before",
        status: .malformedInput)
    case .malformed(let journal):
      return Self.unreadable(journal, why: "a record does not decode")
    case .otherUnit(let journal, let expected, let found):
      return Self.unreadable(journal, why: "it holds '\(found)' where '\(expected)' comes next")
    }
  }

  private static func unreadable(_ journal: String, why: String) -> Diagnosis {
    Diagnosis(
      code: "journal.malformed", what: "the journal cannot be read", place: journal, why: why,
      fix: "pass --no-resume to start afresh, or delete the folder", status: .malformedInput)
  }
}
