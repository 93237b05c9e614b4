import ArgumentParser
import Compiler
import PassKit

/// `--passes` and `--pass`: the list of a compile.
struct PassListOptions: ParsableArguments {
  @Option(help: "Pass list file (YAML).") var passes: String?
  @Option(help: "Append a step, such as 'quantize bits=4 group=64'; may be given again.") var pass: [String] = []

  /// The list of the file, or an empty one, with the steps appended.
  /// - Throws: when the file cannot be read, or the list or a step is refused.
  func passList() throws -> PassList {
    try PassListLoader.load(path: passes, steps: pass)
  }
}
