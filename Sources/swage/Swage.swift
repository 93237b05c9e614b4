import ArgumentParser
import CommandLineKit
import Diagnostics

/// The compiler: checkpoint and pass list in, packed file out.
@main struct Swage: CommandEntry {
  static let configuration = CommandConfiguration(
    commandName: "swage",
    abstract: "Compress a model checkpoint into one packed file.",
    discussion: """
      Examples:
        swage plan    models/llama --pass 'quantize bits=4 group=64'
        swage compile models/llama --passes passes/balanced-4bit.yaml -o llama.swage
        swage verify  models/llama llama.swage --text eval.txt --max-kl 0.01
      """,
    version: ToolVersion.text,
    subcommands: [Compile.self, Plan.self, Verify.self, Inspect.self, Codes.self, Passes.self])
}
