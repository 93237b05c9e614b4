import ArgumentParser
import CommandLineKit
import Diagnostics

/// The runtime: runs packed files, needs nothing else.
@main struct SwageRun: CommandEntry {
  static let configuration = CommandConfiguration(
    commandName: "swage-run",
    abstract: "Run a model packed by swage.",
    discussion: """
      Examples:
        swage-run generate novelist.swage --prompt "It was a dark and"
        swage-run score novelist.swage --text eval.txt
        swage-run info novelist.swage
      """,
    version: ToolVersion.text,
    subcommands: [Generate.self, Score.self, Tokenize.self, Bench.self, BenchKernels.self, Info.self])
}
