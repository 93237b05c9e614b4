import ArgumentParser
import CommandLineKit
import Compiler
import Diagnostics

struct Passes: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "List the compression passes, or describe one.")

  @Argument(help: "A pass to describe.") var name: String?
  @OptionGroup var documents: OutputOptions

  func run() throws {
    if documents.json {
      try Terminal.output(JSONDocument.success(PassReference.document(of: name)).text + "\n")
    } else {
      try Terminal.output(PassReference.text(of: name))
    }
  }
}
