import ArgumentParser
import CommandLineKit
import Diagnostics
import Execution
import PackRuntime

struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Continue a prompt.")

  @Argument(help: "The packed file.") var pack: String
  @Option(parsing: .unconditional, help: "The prompt itself.") var prompt: String?
  @Option(help: "File with the prompt.") var promptFile: String?
  @Option(help: "Token ids instead of text: 1,2,3 or @FILE.") var ids: String?
  @Option(help: "Ids that the decoder of an encoder–decoder begins with (default: the model's first one).")
  var decoderIds: String?
  @Option(parsing: .unconditional, help: "Most tokens to generate.") var tokens = 128
  @Option(parsing: .unconditional, help: "Spread of the choice; 0 takes the most likely token always.")
  var temperature: Float = 0.8
  @Option(parsing: .unconditional, help: "Choose among the K most likely tokens; 0 for all.") var topK = 0
  @Option(parsing: .unconditional, help: "Choose among the most likely tokens that together have probability P.")
  var topP: Float = 0.95
  @Option(parsing: .unconditional, help: "Drop tokens less likely than P times the most likely one.")
  var minP: Float = 0
  @Option(parsing: .unconditional, help: "Divide the odds of tokens already present by R.")
  var repetitionPenalty: Float = 1
  @Option(parsing: .unconditionalSingleValue, help: "Stop before this text; may be given again.")
  var stop: [String] = []
  @Option(parsing: .unconditional, help: "Tokens of context to keep room for (default: what the model was made for).")
  var context: Int?
  @Option(parsing: .unconditional, help: "Seed of the choices (default: drawn, and printed).") var seed: UInt64?
  @Option(help: "Use the experts of this task only; 'auto' for the one that the prompt is routed like.")
  var task: String?
  @OptionGroup var experts: ExpertOptions
  @OptionGroup var execution: ExecutionOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard [prompt, promptFile, ids].compactMap({ $0 }).count == 1 else {
      throw ValidationError("give one of --prompt, --prompt-file and --ids")
    }
    guard tokens > 0 else { throw ValidationError("--tokens takes a number above 0, not \(tokens)") }
    if let context, context <= 0 { throw ValidationError("--context takes a number above 0, not \(context)") }
    guard !stop.contains("") else { throw ValidationError("--stop takes text that is not empty") }
  }

  func run() throws {
    let seed = seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
    let sampling = try SamplerOptions(
      temperature: temperature, topK: topK, topP: topP, minP: minP, repetitionPenalty: repetitionPenalty, seed: seed)
    let prompt: Prompt =
      if let ids { .ids(try TokenIDs.parse(ids)) } else { .text(try prompt ?? TextFile.read(promptFile ?? "").text) }
    let task: TaskSelection = task.map { $0 == "auto" ? .nearest(to: prompt) : .named($0) } ?? .all
    let model = try experts.open(pack, task: task, on: execution)
    let request = GenerationRequest(
      promptIDs: try model.ids(of: prompt), decoderIDs: try decoderIds.map { try TokenIDs.parse($0, option: "--decoder-ids") },
      tokenCountLimit: tokens, sampling: sampling, stopTexts: stop, contextLength: context)
    let isStreaming = !output.json
    var isLineOpen = false
    let result: GenerationResult
    do {
      result = try model.generate(request) { piece in
        guard isStreaming else { return }
        try Terminal.output(piece)
        isLineOpen = true
      }
    } catch {
      if isLineOpen { try Terminal.output("\n") }
      throw error
    }
    if output.json {
      try Terminal.output(JSONDocument.success(.object(result.members(of: model, seed: seed) + experts.members(model))).text + "\n")
    } else {
      // Without a tokenizer there is no text.
      let rest = result.text == nil ? result.ids.map(String.init).joined(separator: ",") : ""
      try Terminal.output(rest + "\n")
      if temperature > 0 { Terminal.note("seed \(seed)") }
      experts.report(model)
    }
  }
}

extension GenerationResult {
  /// The members of the `result` of `generate --json` that are there for every model.
  func members(of model: PackedModel, seed: UInt64) -> [(String, JSONText)] {
    [
      ("text", text.map(JSONText.string) ?? .null),
      ("ids", .array(ids.map { .integer(Int64($0)) })),
      ("stop_reason", .string(ending.text)),
      ("seed", .integer(Int64(bitPattern: seed))),
      ("tokens_per_second", tokensPerSecond.map(JSONText.number) ?? .null),
      ("task", (model.taskChoice?.name).map(JSONText.string) ?? .null),
    ]
  }
}
