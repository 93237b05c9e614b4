import ArgumentParser
import CommandLineKit
import Compiler
import Diagnostics

struct Plan: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check a compile without running it; predict the file's size to the byte, memory and time.")

  @Argument(help: "Folder with config.json and *.safetensors.") var checkpoint: String
  @OptionGroup var list: PassListOptions
  @OptionGroup var execution: ExecutionOptions
  @OptionGroup var documents: OutputOptions

  func run() throws {
    let plan = try CompilePlan(
      checkpointPath: checkpoint, passList: list.passList(), threadCount: execution.threadCount)
    // A plan names no output: it is taken to go into the working folder.
    try plan.requireDiskSpace(outputPath: "model.swage")
    if documents.json {
      try Terminal.output(JSONDocument.success(plan.document).text + "\n")
    } else {
      try Terminal.output(plan.table)
    }
  }
}
