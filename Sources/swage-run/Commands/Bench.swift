import ArgumentParser
import CommandLineKit
import Diagnostics
import PackRuntime

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure tokens per second; medians of several repetitions.")

  @Argument(help: "The packed file.") var pack: String
  @Option(parsing: .unconditional, help: "Tokens of the prompt.") var promptTokens = 512
  @Option(parsing: .unconditional, help: "Tokens to generate.") var generateTokens = 128
  @Option(parsing: .unconditional, help: "Repetitions of each.") var repetitions = 5
  @OptionGroup var experts: ExpertOptions
  @OptionGroup var execution: ExecutionOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    for (name, value) in [
      ("--prompt-tokens", promptTokens), ("--generate-tokens", generateTokens), ("--repetitions", repetitions),
    ] {
      guard value > 0 else { throw ValidationError("\(name) takes a number above 0, not \(value)") }
    }
  }

  func run() throws {
    let model = try experts.open(pack, on: execution)
    let limit = model.graph.contextLength
    for (name, count) in [("--prompt-tokens", promptTokens), ("--generate-tokens", generateTokens)]
    where count > limit {
      throw ValidationError("\(name) takes at most the \(limit) tokens of the context, not \(count)")
    }
    let figures = try model.bench(
      promptTokenCount: promptTokens, generateTokenCount: generateTokens, repetitionCount: repetitions)
    if output.json {
      try Terminal.output(
        JSONDocument.success(
          .object([
            ("prompt_tokens_per_second", .number(figures.promptTokensPerSecond)),
            ("generate_tokens_per_second", .number(figures.generateTokensPerSecond)),
            ("threads", .integer(Int64(execution.threadCount))),
            ("isa", .string(model.context.instructionSet.rawValue)),
          ] + experts.members(model))
        ).text + "\n")
    } else {
      try Terminal.output(
        """
        prompt    \(NumberText.fixed(figures.promptTokensPerSecond, 1)) tokens/s (\(promptTokens) tokens)
        generate  \(NumberText.fixed(figures.generateTokensPerSecond, 1)) tokens/s (\(generateTokens) tokens)
        threads   \(execution.threadCount), \(model.context.instructionSet.rawValue)

        """)
      experts.report(model)
    }
  }
}
