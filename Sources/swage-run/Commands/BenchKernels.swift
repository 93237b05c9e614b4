import ArgumentParser
import CommandLineKit
import Diagnostics
import PackRuntime

struct BenchKernels: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-kernels",
    abstract: "Measure products of matrices with vectors; medians of several rounds that take turns.",
    discussion: """
      Of every matrix as many copies are walked through as take the bytes that --bytes says, but at most 65536.

      Examples:
        swage-run bench-kernels --threads 1
        swage-run bench-kernels --shapes 4096x4096 --zeros 0.9 'grouped(bits=4 group=64 symmetric scale=f16)'
      """)

  @Argument(help: "Encodings to measure beside dense(bf16), as docs/format.md writes them.") var encodings: [String] = []
  @Option(
    help: ArgumentHelp(
      "Shares of zeros of ternary matrices to measure, separated by commas "
        + "(default: 0.8,0.885,0.9 where no encoding is given)."))
  var zeros: NumberList<Double>?
  @Option(help: "Outputs x inputs of matrices, separated by commas.")
  var shapes: String = "768x3072,3072x768,2080x6144,4096x14336"
  @Option(help: "Bytes of the copies of each matrix, more than the caches have, at most 16GiB (default: 512MiB).")
  var bytes: ByteSize?
  @Option(parsing: .unconditional, help: "Vectors multiplied at a time.") var tokens = 1
  @Option(parsing: .unconditional, help: "Rounds that count.") var repetitions = 5
  @OptionGroup var execution: ExecutionOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard bytes.map({ $0.byteCount > 0 }) ?? true else { throw ValidationError("--bytes takes a size above 0") }
    guard repetitions > 0 else { throw ValidationError("--repetitions takes a number above 0, not \(repetitions)") }
    guard (1...1_024).contains(tokens) else {
      throw ValidationError("--tokens takes a number from 1 to 1024, not \(tokens)")
    }
    if let bytes, bytes.byteCount > KernelBench.largestByteCount {
      throw ValidationError("--bytes takes at most 16GiB, not \(bytes.byteCount) bytes")
    }
    for share in zeros?.numbers ?? [] where !(0.01...0.99).contains(share) {
      throw ValidationError("--zeros takes shares from 0.01 to 0.99, not \(share)")
    }
  }

  func run() throws {
    let context = try execution.kernelContext()
    let shares = zeros?.numbers ?? (encodings.isEmpty ? [0.8, 0.885, 0.9] : [])
    let kinds =
      try (["dense(bf16)"] + encodings).map(KernelBench.Weights.init(parsing:))
      + shares.map { .ternary(zeroShare: $0) }
    let bench = KernelBench(
      tokenCount: tokens, byteCount: bytes?.byteCount ?? 512 << 20, roundCount: repetitions, context: context)
    let shapes = try shapes.split(separator: ",", omittingEmptySubsequences: false).map {
      try bench.shape(parsing: String($0))
    }
    let report = try bench.report(shapes: shapes, of: kinds)
    try Terminal.output(output.json ? JSONDocument.success(report.document).text + "\n" : report.table)
  }
}
