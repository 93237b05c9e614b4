import DecodeKernels
import Diagnostics
import Encodings
import TensorCore

/// What ``KernelBench`` found.
public struct KernelBenchReport: Sendable {
  /// One shape in one kind of weights.
  struct Line: Sendable {
    let shape: MatrixShape
    let name: String
    let encoding: Encoding
    let copyCount: Int
    /// Of all copies.
    let byteCount: Int
    let bitsPerWeight: Double
    /// Medians over the rounds.
    let weightsPerSecond: Double
    let bytesPerSecond: Double
    /// How many times as fast as the first kind of weights; the median of the rounds.
    let speedup: Double

    var shapeText: String { "\(shape.outputCount)x\(shape.inputCount)" }
  }

  let lines: [Line]
  let tokenCount: Int
  let threadCount: Int
  let instructionSet: InstructionSet

  /// The `result` of `bench-kernels --json`.
  public var document: JSONText {
    .object([
      (
        "matrices",
        .array(
          lines.map { line in
            .object([
              ("shape", .array([.integer(Int64(line.shape.outputCount)), .integer(Int64(line.shape.inputCount))])),
              ("weights", .string(line.name)), ("encoding", .string(line.encoding.text)),
              ("copies", .integer(Int64(line.copyCount))), ("bytes", .integer(Int64(line.byteCount))),
              ("bits_per_weight", .number(line.bitsPerWeight)),
              ("weights_per_second", .number(line.weightsPerSecond)),
              ("bytes_per_second", .number(line.bytesPerSecond)), ("speedup", .number(line.speedup)),
            ])
          })
      ),
      ("tokens", .integer(Int64(tokenCount))), ("threads", .integer(Int64(threadCount))),
      ("isa", .string(instructionSet.rawValue)),
    ])
  }

  /// The same for people.
  public var table: String {
    var table = TextTable([.left, .left, .right, .right, .right, .right, .right, .right])
    table.add("shape", "weights", "bits", "copies", "MiB", "G weights/s", "GB/s", "speedup")
    for line in lines {
      table.add(
        line.shapeText, line.name, NumberText.fixed(line.bitsPerWeight, 3), NumberText.count(line.copyCount),
        NumberText.count(line.byteCount >> 20), NumberText.fixed(line.weightsPerSecond / 1e9, 2),
        NumberText.fixed(line.bytesPerSecond / 1e9, 2), NumberText.fixed(line.speedup, 2))
    }
    return """
      \(table.text)

      threads \(threadCount), \(instructionSet.rawValue), \(NumberText.count(tokenCount)) token\(tokenCount == 1 ? "" : "s") at a time; \
      speedup over the first of each shape

      """
  }
}
