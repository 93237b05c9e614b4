import ArgumentParser
import CommandLineKit
import Compiler
import Diagnostics

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Say what a checkpoint or a packed file is made of.")

  @Argument(help: "A checkpoint folder or a packed file.") var path: String
  @Flag(help: "Print the graph and how every weight is represented.") var ir = false
  @OptionGroup var documents: OutputOptions

  func run() throws {
    let inspection = try Inspection(path: path)
    if documents.json {
      try Terminal.output(JSONDocument.success(inspection.document(includingIR: ir)).text + "\n")
    } else {
      try Terminal.output(ir ? inspection.ir : inspection.table)
    }
  }
}
