import ArgumentParser
import CommandLineKit
import Diagnostics
import PackRuntime

struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print the token ids of a text.")

  @Argument(help: "The packed file.") var pack: String
  @Option(parsing: .unconditional, help: "The text itself.") var prompt: String?
  @Option(help: "File with the text.") var text: String?
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard (prompt == nil) != (text == nil) else { throw ValidationError("give one of --prompt and --text") }
  }

  func run() throws {
    let tokenizer = try PackedModel.tokenizer(path: pack)
    let ids = tokenizer.encode(try prompt ?? TextFile.read(text ?? "").text)
    if output.json {
      try Terminal.output(JSONDocument.success(.object([("ids", .array(ids.map { .integer(Int64($0)) }))])).text + "\n")
    } else {
      try Terminal.output(ids.map(String.init).joined(separator: ",") + "\n")
    }
  }
}
