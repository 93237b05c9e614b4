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
      exit(with: diagnosis, wantsJSON: wantsJSON)
    } catch let code as ExitCode {
      exit(withError: code)
    } catch {
      let words = CommandLine.arguments.dropFirst().joined(separator: " ")
      // The parser's code for any other error is the one of a gate that was not met.
      guard exitCode(for: error) != .failure else {
        let diagnosis = Diagnosis(
          code: "internal", what: "\(error)", place: words, why: "this is a mistake in the program, not in its input",
          fix: "report it with the command line", status: .internalError)
        exit(with: diagnosis, wantsJSON: wantsJSON)
      }
      if wantsJSON, exitCode(for: error) == .validationFailure {
        let diagnosis = Diagnosis(
          code: "usage", what: message(for: error), place: words, why: "the command line could not be understood",
          fix: "see --help", status: .usage)
        try? Terminal.output(JSONDocument.failure(diagnosis).text + "\n")
      }
      exit(withError: error)
    }
  }

  private static func exit(with diagnosis: Diagnosis, wantsJSON: Bool) -> Never {
    if wantsJSON { try? Terminal.output(JSONDocument.failure(diagnosis).text + "\n") }
    Terminal.standardError(Terminal.text(of: diagnosis))
    exit(withError: ExitCode(diagnosis.status.rawValue))
  }
}
