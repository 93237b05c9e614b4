import ByteIO
import Calibration
import CheckpointImport
import DecodeKernels
import Diagnostics
import Evaluation
import Execution
import ModelIR
import PackRuntime

/// Opens a checkpoint and a pack and measures one against the other.
public struct VerifyCommand {
  let checkpointPath: String
  let packPath: String
  let source: TokenSource
  let tokenCountLimit: Int?
  let windowTokenCount: Int?
  let limits: GateLimits
  let reportPath: String?
  let context: KernelContext

  /// - Parameters:
  ///   - tokenCountLimit: use only so many tokens.
  ///   - windowTokenCount: nil for 256, or the context where that is shorter.
  ///   - reportPath: where to write the HTML report, if anywhere; replaced if it exists.
  public init(
    checkpointPath: String, packPath: String, source: TokenSource, tokenCountLimit: Int?, windowTokenCount: Int?,
    limits: GateLimits, reportPath: String?, context: KernelContext
  ) {
    self.checkpointPath = checkpointPath
    self.packPath = packPath
    self.source = source
    self.tokenCountLimit = tokenCountLimit
    self.windowTokenCount = windowTokenCount
    self.limits = limits
    self.reportPath = reportPath
    self.context = context
  }

  /// - Parameter progress: is told the share of the work that is done.
  /// - Throws: the error of whatever cannot be opened, read, run or written.
  public func run(progress: (Double) -> Void = { _ in }) throws -> VerifyReport {
    let checkpoint = try Checkpoint.open(path: checkpointPath)
    try checkpoint.model.graph.requireOneSequence(or: EncoderDecoderError.measurement)
    let pack = try PackedModel.open(path: packPath, context: context)
    guard Self.sharesConfiguration(checkpoint.model.source, pack) else {
      throw CompileError.otherCheckpoint(checkpoint: checkpointPath, pack: packPath)
    }
    let reportWriter = try reportPath.map { try AtomicFileWriter(path: $0, replacing: true) }
    let tokens = try EvaluationTokens(source, model: pack)
    let report = try VerifyCommand.compare(
      checkpoint.model, named: FileSystem.name(of: checkpointPath), with: pack, named: FileSystem.name(of: packPath),
      on: tokens,
      tokenCountLimit: tokenCountLimit, windowTokenCount: windowTokenCount, limits: limits, context: context,
      progress: progress)
    if let reportWriter {
      try reportWriter.append(Array(report.html.utf8).span)
      try reportWriter.commit()
    }
    return report
  }

  /// Whether the pack was made from a checkpoint with this config.json. The weights' digests would take a pass over all
  /// of them, and a checkpoint may have been sharded anew; the configuration tells one model from another.
  private static func sharesConfiguration(_ source: Source, _ pack: PackedModel) -> Bool {
    let name = "config.json"
    guard let file = source.files.first(where: { $0.name == name }),
      let index = pack.reader.manifest.sources.firstIndex(where: { $0.name == name })
    else { return true }
    return PackAssembly.digests(of: Source(files: [file])) == [pack.reader.sourceDigests[index]]
  }

  /// Measures a pack against the model it was made from.
  static func compare(
    _ original: Model, named checkpointName: String, with pack: PackedModel, named packName: String,
    on tokens: EvaluationTokens,
    tokenCountLimit: Int?, windowTokenCount: Int?, limits: GateLimits, context: KernelContext,
    progress: (Double) throws -> Void
  ) throws -> VerifyReport {
    let executor = try Executor(
      graph: original.graph, operators: ModelOperators(original, context: context), context: context)
    let plan = try pack.windowPlan(
      tokenCount: tokens.ids.count, isText: tokens.isText, tokenCountLimit: tokenCountLimit,
      windowTokenCount: windowTokenCount)
    let subject = try VerifySubject(
      PackSummary(pack.reader), packName: packName, checkpointName: checkpointName, textName: tokens.name,
      originalByteCount: original.source.files.reduce(0) { $0 + $1.storage.byteCount })
    return try VerifyJob(tokens: tokens.ids, plan: plan, pool: context.pool).run(
      original: executor, compiled: pack.executor, subject: subject, limits: limits, progress: progress)
  }
}
