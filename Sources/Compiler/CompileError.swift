import Diagnostics

/// What stops a compile that is none of its parts' own errors.
public enum CompileError: Error, Equatable, Diagnosable {
  case diskTooSmall(folder: String, needed: Int, available: Int)
  case memoryLimit(limit: Int, needed: Int)
  /// There is a text to measure on and nothing that makes tokens of it.
  case noTokenizer(text: String, checkpoint: String)
  case otherCheckpoint(checkpoint: String, pack: String)
  case unknownPassToPrint(name: String, nearest: String?)
  /// The user, or the system, asked the compile to stop.
  case interrupted(output: String, journal: String?, command: String?)
  /// A disk failed or filled up; what was done is in the journal.
  case stopped(Diagnosis, journal: String, command: String?)

  public var diagnosis: Diagnosis {
    switch self {
    case .diskTooSmall(let folder, let needed, let available):
      Diagnosis(
        code: "compile.disk-too-small", what: "the disk has too little room", place: folder,
        why: "\(needed) bytes are needed for the file, values on their way into it and candidates, \(available) are free",
        fix: "free \(needed - available) bytes, or write to another disk", status: .cannotCreate)
    case .memoryLimit(let limit, let needed):
      Diagnosis(
        code: "compile.memory-limit", what: "the compile cannot keep within the stated memory",
        place: "--memory \(limit)",
        why: "about \(needed) bytes are needed: the program, the largest block, and what the passes work in",
        fix: "allow at least \(needed) bytes, or fewer --threads where each has matrices of its own",
        status: .limitExceeded)
    case .noTokenizer(let text, let checkpoint):
      Diagnosis(
        code: "compile.no-tokenizer", what: "the pack cannot be measured on a text", place: "\(checkpoint), \(text)",
        why: "the checkpoint has no tokenizer, so text cannot be turned into tokens",
        fix: "put tokenizer.json or tokenizer.model beside it, or measure the pack with 'swage verify --ids'",
        status: .unsupported)
    case .otherCheckpoint(let checkpoint, let pack):
      Diagnosis(
        code: "verify.other-checkpoint", what: "the pack was made from another checkpoint",
        place: "\(checkpoint), \(pack)", why: "the pack records the digest of a config.json that is not this one",
        fix: "give the folder it was compiled from", status: .malformedInput)
    case .unknownPassToPrint(let name, let nearest):
      Diagnosis(
        code: "compile.unknown-pass", what: "the list has no step '\(name)'", place: "--print-ir-after \(name)",
        why: "the model is printed after a step of the list, or after all",
        fix: nearest.map { "did you mean '\($0)'?" } ?? "name a pass of the list, or all", status: .usage)
    case .interrupted(let output, let journal, let command):
      Diagnosis(
        code: "compile.interrupted", what: "the compile was interrupted", place: output,
        why: "the user, or the system, asked it to stop; "
          + (journal.map { "what was done is in \($0)" } ?? "nothing was written"),
        fix: Self.wayOn(command, hasJournal: journal != nil), status: .interrupted)
    case .stopped(let cause, let journal, let command):
      Diagnosis(
        code: cause.code, what: cause.what, place: cause.place, why: cause.why,
        fix: "\(cause.fix); what was done is in \(journal); \(Self.wayOn(command, hasJournal: true))",
        status: cause.status)
    }
  }

  private static func wayOn(_ command: String?, hasJournal: Bool) -> String {
    (hasJournal ? "to go on from there: " : "to start again: ") + (command ?? "run the same command again")
  }
}
