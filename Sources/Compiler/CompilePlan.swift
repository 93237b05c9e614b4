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
  /// The text to measure the pack on; nil for none.
  let verifyTextPath: String?

  /// Opens the checkpoint, plans every step and lays the file out.
  /// - Parameter verifyTextPath: text to measure the pack on; nil for the list's own, if it names one.
  /// - Throws: whatever would stop the compile before it reads a weight, or after its work for want of that text.
  public init(checkpointPath: String, passList: PassList, verifyTextPath: String? = nil) throws {
    self.verifyTextPath = verifyTextPath ?? passList.verify?.text.map(passList.resolved)
    if let path = self.verifyTextPath { _ = try TextFile.read(path) }
    checkpoint = try Checkpoint.open(path: checkpointPath)
    self.passList = passList
    steps = try PassPlan(passList.steps, on: ModelOutline(of: checkpoint.model))
    layout = try PackLayout(
      PackAssembly.contents(of: checkpoint.model, encodings: steps.outline, passList: passList))
  }

  /// Bytes of the file, exactly. The record of measured accuracy counts where a text is measured on.
  public var fileByteCount: Int { layout.byteCount(accuracyTextNames: verifyTextNames) }

  /// The text to measure on without its folder.
  private var verifyTextNames: [String] { verifyTextPath.map { [FileSystem.name(of: $0)] } ?? [] }

  /// Weights of the model.
  public var parameterCount: Int { steps.outline.sizes.total.elementCount }

  /// Bits per weight over the whole file.
  public var bitsPerWeight: Double { Double(fileByteCount) * 8 / Double(max(1, parameterCount)) }

  /// The resident set a compile is expected to reach, held against measurements in docs/benchmarks.md: the program itself, the
  /// rows in flight, and the larger of a value being joined from its parts and a block of original and pack in the final check.
  /// Where a text is measured on, original and pack are wholly mapped.
  public var peakMemoryByteCount: Int {
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
    let mapped = model.values.values.reduce(fileByteCount) { $0 + $1.storage.byteCount }
    let resident = verifyTextPath != nil ? mapped + 2 * LogitRows.byteCountLimit : max(2 * largestValue, largestBlock)
    return Self.programByteCount + inFlight + resident
  }

  /// Expected seconds on two threads, from measurements in docs/benchmarks.md.
  public var seconds: Double {
    let rewritten = steps.steps.reduce(0) { sum, step in sum + step.assignments.reduce(0) { $0 + $1.shape.elementCount }
    }
    let read = checkpoint.model.source.files.reduce(0) { $0 + $1.storage.byteCount }
    return Double(rewritten) / Self.weightsPerSecond + Double(read + fileByteCount) / Self.bytesPerSecond
  }

  private static let programByteCount = 32 << 20
  private static let weightsInFlight = 1 << 22
  private static let byteCountPerWeightInFlight = 8
  private static let weightsPerSecond = 40e6
  private static let bytesPerSecond = 500e6

  /// Checks that the file fits on the disk beside the scratch file that the steps need.
  /// - Throws: `CompileError.diskTooSmall`.
  public func requireDiskSpace(outputPath: String) throws {
    let folder = FileSystem.folder(of: outputPath)
    let scratch = steps.steps.reduce(0) { sum, step in
      sum + step.assignments.reduce(0) { $0 + $1.after.byteCount(of: $1.shape) }
    }
    let available = try FreeSpace.byteCount(atFolder: folder)
    guard fileByteCount + scratch <= available else {
      throw CompileError.diskTooSmall(folder: folder, needed: fileByteCount + scratch, available: available)
    }
  }
}
