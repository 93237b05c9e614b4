import ByteIO
import CheckpointImport
import DecodeKernels
import Diagnostics
import Evaluation
import Execution
import Metrics
import ModelIR
import PackFormat
import PackRuntime
import PassKit
import TensorCore

/// One compile: checkpoint → passes → pack → check → report.
///
/// The file is written under no name, run against the original, completed with what was measured, and only then named.
public struct CompileJob {
  let checkpointPath: String
  let outputPath: String
  let passList: PassList
  let context: KernelContext
  let memoryLimit: Int?
  let verifyTextPath: String?
  let printsAfter: String?
  let isReplacing: Bool

  /// - Parameters:
  ///   - memoryLimit: most bytes to use; nil for no limit.
  ///   - verifyTextPath: text to measure the pack on; nil for the list's own, if it names one.
  ///   - printsAfter: the pass after which to print the model, or `all`.
  ///   - isReplacing: whether an existing output may be replaced.
  public init(
    checkpointPath: String, outputPath: String, passList: PassList, context: KernelContext, memoryLimit: Int? = nil,
    verifyTextPath: String? = nil, printsAfter: String? = nil, isReplacing: Bool = false
  ) {
    self.checkpointPath = checkpointPath
    self.outputPath = outputPath
    self.passList = passList
    self.context = context
    self.memoryLimit = memoryLimit
    self.verifyTextPath = verifyTextPath
    self.printsAfter = printsAfter
    self.isReplacing = isReplacing
  }

  /// How far a compile has come.
  public struct Progress: Sendable {
    /// A stretch of even work.
    public enum Phase: String, Sendable {
      case passes, write, check, verify
    }

    public let phase: Phase
    public let label: String
    /// Share of the phase that is done, 0…1.
    public let fraction: Double
  }

  /// - Parameters:
  ///   - printIR: receives the model's text after the steps asked for.
  ///   - isCancelled: asked now and then; a compile that is cancelled leaves nothing.
  /// - Throws: whatever stops the compile; no file is left behind then.
  public func run(
    progress: @escaping (Progress) -> Void = { _ in }, printIR: @escaping (String) -> Void = { _ in },
    isCancelled: @escaping () -> Bool = { false }
  ) throws -> CompileReport {
    let start = ContinuousClock.now
    if let printsAfter, printsAfter != "all", !passList.steps.contains(where: { $0.name == printsAfter }) {
      throw CompileError.unknownPassToPrint(
        name: printsAfter, nearest: Suggestion.nearest(to: printsAfter, in: passList.steps.map(\.name) + ["all"]))
    }
    let plan = try CompilePlan(checkpointPath: checkpointPath, passList: passList, verifyTextPath: verifyTextPath)
    if let memoryLimit, plan.peakMemoryByteCount > memoryLimit {
      throw CompileError.memoryLimit(limit: memoryLimit, needed: plan.peakMemoryByteCount)
    }
    let file = try AtomicFileWriter(path: outputPath, replacing: isReplacing)
    try plan.requireDiskSpace(outputPath: outputPath)
    do {
      let original = plan.checkpoint.model
      progress(Progress(phase: .passes, label: "read checkpoint", fraction: 0))
      let manager = PassManager(
        pool: context.pool, store: try ScratchStore(folder: FileSystem.folder(of: outputPath)),
        isCancelled: isCancelled,
        progress: { progress(Progress($0)) },
        inspection: PassManager.Inspection(
          after: { printsAfter == "all" || printsAfter == $0.name },
          show: { step, model in printIR("after \(step.text)\n\(model.text)") }))
      let (model, steps) = try manager.run(passList.steps, on: original)
      try model.requireFiniteUntouchedWeights(pool: context.pool, isCancelled: isCancelled)

      let writer = try PackWriter(plan.layout, to: file)
      for (index, parameter) in model.graph.parameters.enumerated() {
        if isCancelled() { throw PassError.cancelled }
        progress(Progress(phase: .write, label: "write", fraction: Double(index) / Double(model.graph.parameters.count)))
        guard let value = model.values[parameter.name] else { throw ModelError.valueMissing(parameter: parameter.name) }
        try writer.append(value.storage)
      }
      progress(Progress(phase: .check, label: "digest sources", fraction: 0))
      try writer.finishDraft(sourceDigests: PackAssembly.digests(of: model.source))

      progress(Progress(phase: .check, label: "check", fraction: 0.5))
      let outcome = try check(
        PackReader(writer.mapped(), path: outputPath), against: original, plan, progress, isCancelled)
      if let record = outcome.record { try writer.record([record]) }
      if isCancelled() { throw PassError.cancelled }
      try writer.commit()
      return CompileReport(
        outputPath: outputPath, fileByteCount: file.position, parameterCount: plan.parameterCount,
        seconds: (ContinuousClock.now - start) / .seconds(1), peakMemoryByteCount: PeakMemory.residentByteCount,
        steps: steps,
        check: outcome.check, accuracy: outcome.accuracy, notes: plan.checkpoint.notes)
    } catch  where isCancelled() {
      throw CompileError.interrupted(output: outputPath)
    }
  }

  private typealias Outcome = (check: SmokeCheck, accuracy: VerifyReport?, record: AccuracyRecord?)

  /// Runs the draft against the original: a short check always, the whole text where one is given.
  private func check(
    _ reader: PackReader, against original: Model, _ plan: CompilePlan, _ progress: @escaping (Progress) -> Void,
    _ isCancelled: () -> Bool
  ) throws -> Outcome {
    let pack = try PackedModel(reader, context: context, releasing: true)
    let executor = try Executor(
      graph: original.graph, operators: ModelOperators(original, context: context), context: context)
    let sections = Dictionary(
      grouping: reader.parameters, by: { original.graph.block(ofParameter: $0.parameter.name) ?? "" }
    ).mapValues { Set($0.map(\.placement.section)).sorted() }
    let check = try SmokeCheck(
      original: executor, compiled: pack.executor, ids: SmokeText.ids(for: pack)
    ) { block in
      for parameter in original.graph.parameters(ofBlock: block) {
        guard let storage = original.values[parameter.name]?.storage else { continue }
        storage.release(0..<storage.byteCount)
      }
      for section in sections[block] ?? [] { reader.release(section: section) }
    }
    guard let path = plan.verifyTextPath else { return (check, nil, nil) }
    let tokens = try EvaluationTokens(.textFile(path), model: pack)
    let settings = passList.verify
    let report = try VerifyCommand.compare(
      original, named: FileSystem.name(of: checkpointPath), with: pack, named: FileSystem.name(of: outputPath),
      on: tokens,
      tokenCountLimit: settings?.tokenCount, windowTokenCount: settings?.window,
      limits: GateLimits(
        maxPerplexityIncrease: settings?.maxPerplexityIncrease, maxKLDivergence: settings?.maxDivergence,
        minAgreement: settings?.minAgreement),
      context: context
    ) { share in
      if isCancelled() { throw PassError.cancelled }
      progress(Progress(phase: .verify, label: "verify", fraction: share))
    }
    return (check, report, AccuracyRecord(measured: report, textDigest: SHA256Digest(bytes: tokens.digest)))
  }
}

extension CompileJob.Progress {
  init(_ progress: PassProgress) {
    phase = .passes
    label = "\(progress.pass) \(progress.block ?? "")"
    fraction = Double(progress.doneByteCount) / Double(max(1, progress.totalByteCount))
  }
}

extension AccuracyRecord {
  /// What a verification found, as the pack records it; nil when the pack is so broken that a figure is not finite.
  init?(measured report: VerifyReport, textDigest: SHA256Digest) {
    let summary = report.summary
    guard summary.perplexityRatio.high.isFinite, summary.meanDivergence.high.isFinite else { return nil }
    let estimate = { (interval: ConfidenceInterval) in
      Estimate(mean: interval.estimate, low: interval.low, high: interval.high)
    }
    self.init(
      tokenCount: summary.count, windowTokenCount: report.windowTokenCount,
      originalPerplexity: summary.originalPerplexity,
      compiledPerplexity: summary.compiledPerplexity, perplexityRatio: estimate(summary.perplexityRatio),
      divergence: estimate(summary.meanDivergence), divergenceP99: summary.divergencePercentiles.value(at: 0.99),
      topAgreement: summary.agreement.estimate, textDigest: textDigest, textName: report.subject.textName)
  }
}
