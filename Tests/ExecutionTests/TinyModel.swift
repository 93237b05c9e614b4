import DecodeKernels
import Execution
import Parallelism

/// A fixture's model, ready to run.
struct TinyModel {
  let checkpoint: TinyCheckpoint
  let executor: Executor

  init(
    _ folder: String, instructionSet: InstructionSet = .best, threadCount: Int = 2, chunkTokenCount: Int = 256
  ) throws {
    let context = KernelContext(instructionSet: instructionSet, pool: WorkerPool(threadCount: threadCount))
    checkpoint = try TinyCheckpoint(folder, context: context)
    executor = try Executor(
      graph: checkpoint.graph, operators: checkpoint, context: context, chunkTokenCount: chunkTokenCount)
  }

  /// Logits of all of `ids`, (ids.count, vocabulary).
  func logits(_ ids: [Int], cache: KeyValueCache? = nil) throws -> [Float] {
    var logits: [Float] = []
    let cache = try cache ?? executor.makeCache()
    try executor.forward(ids, cache: cache, logits: .all) { _, row in logits += row.array }
    return logits
  }
}

extension Span<Float> {
  var array: [Float] { indices.map { self[$0] } }
}

/// Largest absolute difference; infinite where counts differ or a value is NaN.
func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
  guard a.count == b.count, !a.isEmpty else { return .infinity }
  return zip(a, b).reduce(0) { largest, pair in
    let difference = abs(pair.0 - pair.1)
    return difference.isNaN ? .infinity : max(largest, difference)
  }
}
