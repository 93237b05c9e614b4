import ArgumentParser
import CommandLineKit
import Compiler
import Diagnostics

struct Compile: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a pass list over a checkpoint and write a packed file.")

  @Argument(help: "Folder with config.json and *.safetensors.") var checkpoint: String
  @Option(name: .shortAndLong, help: "The packed file to write.") var output: String
  @OptionGroup var list: PassListOptions
  @Option(help: "Calibration text: [TASK=]FILE; replaces the list's. Accepted where no pass needs it.") var calibration:
    [String] = []
  @Option(help: "Field of a JSONL calibration file that holds the text.") var calibrationField: String?
  @Option(help: "Calibration sequences.") var calibrationSequences: Int?
  @Option(help: "Tokens in a calibration sequence.") var calibrationLength: Int?
  @Option(help: "Seed of everything drawn at random.") var seed: UInt64?
  @Option(help: "Most memory to use, such as 8GiB; refused up front when impossible.") var memory: ByteSize?
  @Flag(
    inversion: .prefixedNo, help: "Continue a compile that was killed, where the pass list has something to continue.")
  var resume = true
  @Option(help: "Print the model's text form after this pass, or after all.") var printIrAfter: String?
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
      memoryLimit: memory?.byteCount, verifyTextPath: verifyText, printsAfter: printIrAfter, isReplacing: force)
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
}
