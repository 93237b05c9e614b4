import ArgumentParser
import Diagnostics

/// A command tree as an executable: parse, run, and turn whatever is thrown into words and an exit code.
public protocol CommandEntry: ParsableCommand {}

extension CommandEntry {
  public static func main() {
    let wantsJSON = CommandLine.arguments.contains("--json")
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let error as any Diagnosable {
      let diagnosis = error.diagnosis
      if wantsJSON { Terminal.output(JSONDocument.failure(diagnosis).text + "\n") }
      Terminal.standardError(Terminal.text(of: diagnosis))
      exit(withStatus: diagnosis.status)
    } catch let code as ExitCode {
      exit(withError: code)
    } catch {
      if wantsJSON, exitCode(for: error) == .validationFailure {
        let diagnosis = Diagnosis(
          code: "usage", what: message(for: error), place: CommandLine.arguments.dropFirst().joined(separator: " "),
          why: "the command line could not be understood", fix: "see --help", status: .usage)
        Terminal.output(JSONDocument.failure(diagnosis).text + "\n")
      }
      exit(withError: error)
    }
  }

  private static func exit(withStatus status: ExitStatus) -> Never {
    exit(withError: ExitCode(status.rawValue))
  }
}
