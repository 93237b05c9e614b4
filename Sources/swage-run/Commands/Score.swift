import ArgumentParser
import CommandLineKit
import Diagnostics
import PackRuntime

struct Score: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure the perplexity of a text.",
    discussion: """
      Consecutive windows without overlap; every position but a window's first is scored. Of an encoder–decoder the
      decoder's ids are scored, each window after the whole of the encoder's.
      """)

  @Argument(help: "The packed file.") var pack: String
  @Option(help: "File with the text.") var text: String?
  @Option(help: "Token ids instead of text: 1,2,3 or @FILE.") var ids: String?
  @Option(help: "Ids of the decoder of an encoder–decoder, whose encoder reads --ids.") var decoderIds: String?
  @Option(parsing: .unconditional, help: "Score only the first N tokens.") var tokens: Int?
  @Option(
    parsing: .unconditional,
    help: "Tokens in a window (default: 256, or the model's context where that is shorter).")
  var window: Int?
  @Option(help: "Also write the logits of every position to this safetensors file.") var logits: String?
  @Option(help: "Use the experts of this task only.") var task: String?
  @OptionGroup var experts: ExpertOptions
  @OptionGroup var execution: ExecutionOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard (text == nil) != (ids == nil) else { throw ValidationError("give one of --text and --ids") }
    guard decoderIds == nil || ids != nil else { throw ValidationError("--decoder-ids goes with --ids") }
    if task == "auto" { throw ValidationError("--task auto is for generate, which has a prompt: name a task") }
    if let window, window < 2 { throw ValidationError("--window takes a number from 2, not \(window)") }
    if let tokens, tokens < 2 { throw ValidationError("--tokens takes a number from 2, not \(tokens)") }
  }

  func run() throws {
    let model = try experts.open(pack, task: task.map(TaskSelection.named) ?? .all, on: execution)
    let tokenIDs: [Int] =
      if let ids { try TokenIDs.parse(ids) } else { try model.ids(text: TextFile.read(text ?? "").text) }
    let decoderIDs = try decoderIds.map { try TokenIDs.parse($0, option: "--decoder-ids") }
    let progress = ProgressDisplay()
    let report = try model.score(
      ids: decoderIDs ?? tokenIDs, source: decoderIDs == nil ? nil : tokenIDs, isText: ids == nil,
      tokenCountLimit: tokens, windowTokenCount: window, logitsPath: logits,
      isReplacing: true
    ) { progress.update(phase: "score", label: "score", fraction: $0) }
    progress.finish()
    if output.json {
      try Terminal.output(JSONDocument.success(.object(report.members + experts.members(model))).text + "\n")
    } else {
      try Terminal.output(report.table + "\n")
      experts.report(model)
    }
  }
}
