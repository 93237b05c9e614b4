/// What went wrong, as facts a person can act on and a script can match.
///
/// Printed as `error[code]: what`, followed by `where`, `why` and `fix`; with `--json` it becomes the `error` object.
public struct Diagnosis: Sendable, Equatable {
  /// Stable identifier in kebab case with a family prefix: `safetensors.header-too-long`.
  public let code: String
  /// One sentence: what is wrong.
  public let what: String
  /// The file, tensor, option or byte offset it concerns.
  public let place: String
  /// Why this is refused.
  public let why: String
  /// What the user can do about it.
  public let fix: String
  /// The exit code of a command that ends with this error.
  public let status: ExitStatus

  public init(code: String, what: String, place: String, why: String, fix: String, status: ExitStatus) {
    self.code = code
    self.what = what
    self.place = place
    self.why = why
    self.fix = fix
    self.status = status
  }
}

/// An error that can say what, where, why and how to mend. Every error Swage throws on purpose is one.
public protocol Diagnosable: Error {
  var diagnosis: Diagnosis { get }
}

/// Exit codes, after `sysexits.h`.
public enum ExitStatus: Int32, Sendable {
  case done = 0
  case gateNotMet = 1
  case usage = 64
  case malformedInput = 65
  case missingInput = 66
  case unsupported = 69
  case internalError = 70
  case cannotCreate = 73
  case ioFailure = 74
  case limitExceeded = 75
  case interrupted = 130
}
