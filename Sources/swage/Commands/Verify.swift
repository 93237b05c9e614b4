import ArgumentParser
import CommandLineKit
import Compiler
import Diagnostics
import Evaluation

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run original and pack on the same tokens and measure what the compression cost.",
    discussion: "Exit code 1 when a limit is not kept.")

  @Argument(help: "The checkpoint the pack was made from.") var checkpoint: String
  @Argument(help: "The packed file.") var pack: String
  @Option(help: "File with the text to measure on.") var text: String?
  @Option(help: "Token ids instead of text: 1,2,3 or @FILE.") var ids: String?
  @Option(parsing: .unconditional, help: "Use only the first N tokens.") var tokens: Int?
  @Option(
    parsing: .unconditional,
    help: "Tokens in a window (default: 256, or the model's context where that is shorter).")
  var window: Int?
  @Option(parsing: .unconditional, help: "Largest increase of perplexity, such as 2%.")
  var maxPerplexityIncrease: Percentage?
  @Option(parsing: .unconditional, help: "Largest mean KL divergence, in nats per token.") var maxKl: Double?
  @Option(parsing: .unconditional, help: "Smallest share of positions whose most likely token agrees, such as 85%.")
  var minAgreement: Percentage?
  @Option(help: "Also write a self-contained HTML report.") var report: String?
  @OptionGroup var execution: ExecutionOptions
  @OptionGroup var documents: OutputOptions

  func validate() throws {
    guard (text == nil) != (ids == nil) else { throw ValidationError("give one of --text and --ids") }
    if let window, window < 2 { throw ValidationError("--window takes a number from 2, not \(window)") }
    if let tokens, tokens < 2 { throw ValidationError("--tokens takes a number from 2, not \(tokens)") }
    if let maxKl, !(maxKl >= 0) { throw ValidationError("--max-kl takes a number from 0, not \(maxKl)") }
    if let minAgreement, minAgreement.fraction > 1 {
      throw ValidationError("--min-agreement takes a share from 0 to 1 or 0% to 100%, not \(minAgreement.fraction)")
    }
  }

  func run() throws {
    let progress = ProgressDisplay()
    let job = VerifyCommand(
      checkpointPath: checkpoint, packPath: pack, source: try tokenSource(), tokenCountLimit: tokens,
      windowTokenCount: window,
      limits: GateLimits(
        maxPerplexityIncrease: maxPerplexityIncrease?.fraction, maxKLDivergence: maxKl,
        minAgreement: minAgreement?.fraction),
      reportPath: report, context: try execution.kernelContext())
    let result = try job.run { progress.update(phase: "verify", label: "verify", fraction: $0) }
    progress.finish()
    if documents.json {
      let document = result.gatesMet ? JSONDocument.success(result.document) : JSONDocument.gatesNotMet(result.document)
      try Terminal.output(document.text + "\n")
    } else {
      try Terminal.output(result.table + "\n")
    }
    if !result.gatesMet { throw ExitCode(ExitStatus.gateNotMet.rawValue) }
  }

  private func tokenSource() throws -> TokenSource {
    if let ids { return .ids(try TokenIDs.parse(ids)) }
    return .textFile(text ?? "")
  }
}
