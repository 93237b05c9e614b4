import ArgumentParser
import CommandLineKit
import Compiler
import Diagnostics

struct Codes: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what ternary weights take in bits, beside their entropy and QMoE's dictionary.",
    discussion: """
      With a packed file its own ternary matrices are measured, without one independent random symbols.

      Examples:
        swage codes
        swage codes --zeros 0.8,0.9 --widths 256
        swage codes novelist.swage
      """)

  @Argument(help: "A packed file with ternary matrices.") var pack: String?
  @Option(help: "Shares of zeros among random symbols, separated by commas (default: 0.6,0.7,0.8,0.85,0.885,0.9,0.95).")
  var zeros: NumberList<Double>?
  @Option(help: "Widths of rows of random symbols, separated by commas (default: 256,4096).")
  var widths: NumberList<Int>?
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if pack != nil && (zeros != nil || widths != nil) {
      throw ValidationError("--zeros and --widths are for random symbols: leave the pack out")
    }
    for share in zeros?.numbers ?? [] where !(0.01...0.99).contains(share) {
      throw ValidationError("--zeros takes shares from 0.01 to 0.99, not \(share)")
    }
    for width in widths?.numbers ?? [] where !(1...1 << 20).contains(width) {
      throw ValidationError("--widths takes numbers from 1 to \(1 << 20), not \(width)")
    }
  }

  func run() throws {
    let table =
      if let pack {
        try TernaryCodeTable.pack(path: pack)
      } else {
        TernaryCodeTable.random(
          zeroShares: zeros?.numbers ?? [0.6, 0.7, 0.8, 0.85, 0.885, 0.9, 0.95],
          widths: widths?.numbers ?? [256, 4_096])
      }
    try Terminal.output(output.json ? JSONDocument.success(table.document).text + "\n" : table.table)
  }
}
