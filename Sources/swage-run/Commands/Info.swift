import ArgumentParser
import CommandLineKit
import Diagnostics
import PackRuntime

struct Info: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Say what a packed file holds and what was measured of it.")

  @Argument(help: "The packed file.") var pack: String
  @OptionGroup var output: OutputOptions

  func run() throws {
    let summary = try PackSummary(path: pack)
    if output.json {
      try Terminal.output(JSONDocument.success(summary.document).text + "\n")
    } else {
      try Terminal.output(summary.table + "\n")
    }
  }
}
