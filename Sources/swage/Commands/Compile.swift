import ArgumentParser
import CommandLineKit
import Compiler
import Diagnostics

struct Compile: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a pass list over a checkpoint and write a packed file.",
    discussion: """
      Exit code 1 when the file was written but a limit of the list's 'verify:' section is not kept; what was measured \
      is in the file.
      """)

  @Argument(help: "Folder with config.json and *.safetensors.") var checkpoint: String
  @Option(name: .shortAndLong, help: "The packed file to write.") var output: String
  @OptionGroup var list: PassListOptions
  @Option(parsing: .unconditional, help: "Most memory to use, such as 8GiB; refused up front when impossible.")
  var memory: ByteSize?
  @Flag(
    inversion: .prefixedNo,
    help: "Go on with a compile that was killed, from the folder OUTPUT.journal; or start afresh.")
  var resume = true
  @Option(
    help: """
      Print the model's text form after this pass, or after all. Passes that go through the blocks together, as those \
      do that follow one another, are printed after the last of them.
      """) var printIrAfter: String?
  @Option(help: "Measure the pack against the original on this text and record the result in the file.") var verifyText:
    String?
  @Flag(help: "Replace the output file if it exists.") var force = false
  @OptionGroup var execution: ExecutionOptions
  @OptionGroup var documents: OutputOptions

  func run() throws {
    Interruption.watch()
    let progress = ProgressDisplay()
    let job = CompileJob(
      checkpointPath: checkpoint, outputPath: output, passList: try list.passList(),
      context: try execution.kernelContext(),
      memoryLimit: memory?.byteCount, verifyTextPath: verifyText, printsAfter: printIrAfter, isReplacing: force,
      isContinuing: resume, command: Self.command)
    let report = try job.run(
      progress: { progress.update(phase: $0.phase.rawValue, label: $0.label, fraction: $0.fraction) },
      printIR: {
        progress.finish()
        Terminal.standardError($0)
      },
      isCancelled: { Interruption.isRequested })
    progress.finish()
    for warning in report.warnings { Terminal.note(warning) }
    if documents.json {
      let document = report.gatesMet ? JSONDocument.success(report.document) : JSONDocument.gatesNotMet(report.document)
      try Terminal.output(document.text + "\n")
    } else {
      try Terminal.output(report.table)
    }
    if !report.gatesMet { throw ExitCode(ExitStatus.gateNotMet.rawValue) }
  }

  /// The command line of a compile that goes on with this one, as a shell takes it.
  private static var command: String {
    CommandLine.arguments.filter { $0 != "--no-resume" }.map { word in
      let isPlain = !word.isEmpty && word.allSatisfy { $0.isLetter || $0.isNumber || "-_./=,:%+@".contains($0) }
      let parts = word.split(separator: "'", omittingEmptySubsequences: false)
      return isPlain ? word : "'" + parts.joined(separator: "'\\''") + "'"
    }.joined(separator: " ")
  }
}
