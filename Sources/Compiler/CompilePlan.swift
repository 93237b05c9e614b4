import ByteIO
import CheckpointImport
import Diagnostics
import Encodings
import ModelGraph
import ModelIR
import PackFormat
import PackRuntime
import PassKit
import TensorCore

/// What a compile would do, worked out without touching a weight.
public struct CompilePlan {
  let checkpoint: Checkpoint
  let passList: PassList
  public let steps: PassPlan
  let layout: PackLayout
  /// Nil where no step looks at calibration text.
  let calibration: CalibrationInput?
  /// What the steps take while they run.
  let work: WorkDemand
  /// The tokens to measure the pack on; nil for none.
  let verifyTokens: EvaluationTokens?

  /// Opens the checkpoint, plans every step, reads the texts and lays the file out.
  /// - Parameters:
  ///   - threadCount: threads that the steps will run on: some hold as many matrices at a time.
  ///   - verifyTextPath: text to measure the pack on; nil for the list's own, if it names one.
  /// - Throws: whatever would stop the compile before it reads a weight, or after its work for want of a text.
  public init(
    checkpointPath: String, passList: PassList, threadCount: Int, verifyTextPath: String? = nil
  ) throws {
    let textPath = verifyTextPath ?? passList.verify?.text.map(passList.resolved)
    let text = try textPath.map { try EvaluationText(path: $0) }
    let checkpoint = try Checkpoint.open(path: checkpointPath)
    if text != nil { try checkpoint.model.graph.requireOneSequence(or: EncoderDecoderError.measurement) }
    self.checkpoint = checkpoint
    self.passList = passList
    steps = try PassPlan(passList.steps, on: ModelOutline(of: checkpoint.model, taskNames: passList.taskNames))
    work = steps.demand(threadCount: threadCount)
    verifyTokens = try text.map {
      try EvaluationTokens($0, for: checkpoint.model, settings: passList.verify, checkpointPath: checkpointPath)
    }
    calibration = try CalibrationInput(for: steps, work: work, of: passList, model: checkpoint.model)
    layout = try Self.layout(of: checkpoint.model, as: steps.outline, passList)
  }

  private static func layout(of original: Model, as outline: ModelOutline, _ passList: PassList) throws -> PackLayout {
    try PackLayout(PackAssembly.contents(of: original, encodings: outline, passList: passList))
  }

  /// The layout of what the steps left: the planned one, unless a step decided by the weights.
  func layout(of compiled: Model) throws -> PackLayout {
    steps.outline.isExact
      ? layout : try Self.layout(of: checkpoint.model, as: ModelOutline(of: compiled), passList)
  }

  /// Whether ``fileByteCount`` is certain; otherwise a step decides by the weights, and it is about what to expect.
  public var isExact: Bool { steps.outline.isExact }

  /// Bytes of the file. The record of measured accuracy counts where a text is measured on.
  public var fileByteCount: Int { layout.byteCount(accuracyTextNames: verifyTokens.map { [$0.name] } ?? []) }

  /// Weights of the model.
  public var parameterCount: Int { steps.outline.sizes.total.elementCount }

  /// Bytes of the checkpoint's files.
  var originalByteCount: Int { checkpoint.model.source.files.reduce(0) { $0 + $1.storage.byteCount } }

  /// Bits per weight over the whole file, of the weights that are in it.
  public var bitsPerWeight: Double { Double(fileByteCount) * 8 / Double(max(1, parameterCount)) }

  /// Expected seconds on two threads, from measurements in docs/benchmarks.md.
  public var seconds: Double {
    let rewritten = steps.steps.reduce(0) { sum, step in
      sum + step.assignments.reduce(0) { $0 + $1.shape.elementCount }
    }
    // Calibration tokens go through every weight once for statistics and once to move on.
    let calibrated = calibration.map { 2 * $0.tokenCount * parameterCount } ?? 0
    return Double(rewritten) / Self.weightsPerSecond + Double(originalByteCount + fileByteCount) / Self.bytesPerSecond
      + Double(calibrated) / Self.calibrationProductsPerSecond
  }

  private static let weightsPerSecond = 40e6
  private static let bytesPerSecond = 500e6
  private static let calibrationProductsPerSecond = 40e9

  /// Bytes that the compile takes on the disk of its output at most: the file, the values on their way into it, and
  /// candidates that a step tries.
  /// - Parameters:
  ///   - heldByteCount: of the values that an earlier run has already put there.
  ///   - doneUnits: what it has done.
  func diskByteCount(heldByteCount: Int = 0, doneUnits: Set<String> = []) -> Int {
    let values = steps.steps.reduce(0) { sum, step in
      sum + step.assignments.reduce(0) { $0 + $1.after.byteCount(of: $1.shape) }
    }
    let candidates = steps.steps.filter { !doneUnits.contains($0.unit) }.map {
      $0.demand(threadCount: 1).candidateByteCount
    }
    return fileByteCount + max(0, values - heldByteCount) + (candidates.max() ?? 0)
  }

  /// - Parameter needed: bytes that must be free on the disk of the output.
  /// - Throws: `CompileError.diskTooSmall`.
  static func requireDiskSpace(_ needed: Int, outputPath: String) throws {
    let folder = FileSystem.folder(of: outputPath)
    let available = try FreeSpace.byteCount(atFolder: folder)
    guard needed <= available else {
      throw CompileError.diskTooSmall(folder: folder, needed: needed, available: available)
    }
  }

  /// Checks that a compile from the start has room on a disk.
  /// - Throws: `CompileError.diskTooSmall`.
  public func requireDiskSpace(outputPath: String) throws {
    try Self.requireDiskSpace(diskByteCount(), outputPath: outputPath)
  }
}
