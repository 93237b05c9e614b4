import Calibration
import Encodings
import ModelGraph
import PackRuntime
import TensorCore

extension CompilePlan {
  /// The resident set a compile is expected to reach where nothing limits it.
  public var peakMemoryByteCount: Int { peakMemoryByteCount(limit: nil) }

  /// The resident set a compile is expected to reach, held against measurements in docs/benchmarks.md.
  func peakMemoryByteCount(limit: Int?) -> Int {
    let calibrated = calibration.map { calibration in
      let room = limit.map { max(0, $0 - Self.programByteCount) } ?? Int.max
      return Self.programByteCount
        + max(calibration.demand.minimumByteCount, min(room, calibration.demand.comfortableByteCount))
    }
    return max(plainByteCount, calibrated ?? 0)
  }

  /// Bytes that calibration may have.
  func calibrationByteCount(limit: Int?) -> Int? { limit.map { $0 - Self.programByteCount } }

  /// - Throws: `CompileError.memoryLimit` when the compile cannot keep within `limit`.
  func requireMemory(_ limit: Int?) throws {
    guard let limit else { return }
    let calibrated = calibration.map { Self.programByteCount + $0.demand.minimumByteCount } ?? 0
    let needed = max(plainByteCount, calibrated)
    guard needed <= limit else { throw CompileError.memoryLimit(limit: limit, needed: needed) }
  }

  /// What it takes apart from calibration: the program itself and the larger of two things. One is what the steps work
  /// in, the matrix they work on, and a value being joined from its parts. The other is a block of original and pack in
  /// the final check; where a text is measured on, original and pack are wholly mapped.
  private var plainByteCount: Int {
    let model = checkpoint.model
    let outline = steps.outline
    let largestValue =
      outline.graph.parameters.map { parameter in
        outline.encoding(of: parameter).byteCount(of: MatrixShape(dimensions: parameter.dimensions))
      }.max() ?? 0
    let largestBlock =
      outline.graph.parametersByBlock().map { _, parameters in
        parameters.reduce(0) { sum, parameter in
          sum + (model.values[parameter.name]?.storage.byteCount ?? 0)
            + outline.encoding(of: parameter).byteCount(of: MatrixShape(dimensions: parameter.dimensions))
        }
      }.max() ?? 0
    let largestMatrix = outline.graph.parameters.map { MatrixShape(dimensions: $0.dimensions).elementCount }.max() ?? 0
    let inFlight = min(largestMatrix, Self.weightsInFlight) * Self.byteCountPerWeightInFlight
    let largestSource = model.values.values.map(\.storage.byteCount).max() ?? 0
    let passes = max(inFlight, work.memoryByteCount + largestSource) + 2 * largestValue
    let mapped = model.values.values.reduce(fileByteCount) { $0 + $1.storage.byteCount }
    let check = inFlight + (verifyTokens != nil ? mapped + 2 * LogitRows.byteCountLimit : largestBlock)
    return Self.programByteCount + max(passes, check)
  }

  private static let programByteCount = 40 << 20
  private static let weightsInFlight = 1 << 22
  private static let byteCountPerWeightInFlight = 8
}
