import ByteIO
import Diagnostics

/// How a command ends: results to standard output, everything else to standard error.
public enum Terminal {
  /// Writes a result.
  /// - Throws: `ByteIOError.writeFailed`: a result that is lost is not a success.
  public static func output(_ text: String) throws { try StandardStream.output.write(text) }

  /// Writes text to standard error as it is. Where nobody can be told, the work goes on.
  public static func standardError(_ text: String) { try? StandardStream.error.write(text) }

  /// Writes a line of progress, a warning or a note.
  public static func note(_ text: String) { standardError(text + "\n") }

  /// The words of an error: what, then where, why and how to mend.
  public static func text(of diagnosis: Diagnosis) -> String {
    """
    error[\(diagnosis.code)]: \(diagnosis.what)
      where: \(diagnosis.place)
      why:   \(diagnosis.why)
      fix:   \(diagnosis.fix)

    """
  }
}
