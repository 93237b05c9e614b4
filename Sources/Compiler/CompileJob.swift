import ByteIO
import Calibration
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
/// Until then a journal beside it remembers what the passes have done.
public struct CompileJob {
  let checkpointPath: String
  let outputPath: String
  let passList: PassList
  let context: KernelContext
  let memoryLimit: Int?
  let verifyTextPath: String?
  let printsAfter: String?
  let isReplacing: Bool
  let isContinuing: Bool
  let command: String?

  /// - Parameters:
  ///   - memoryLimit: most bytes to use; nil for no limit.
  ///   - verifyTextPath: text to measure the pack on; nil for the list's own, if it names one.
  ///   - printsAfter: the pass after which to print the model, or `all`.
  ///   - isReplacing: whether an existing output may be replaced.
  ///   - isContinuing: whether to go on with what the journal beside the output remembers; otherwise that is dropped.
  ///   - command: what the user is told to run when the compile ends early.
  public init(
    checkpointPath: String, outputPath: String, passList: PassList, context: KernelContext, memoryLimit: Int? = nil,
    verifyTextPath: String? = nil, printsAfter: String? = nil, isReplacing: Bool = false, isContinuing: Bool = true,
    command: String? = nil
  ) {
    self.checkpointPath = checkpointPath
    self.outputPath = outputPath
    self.passList = passList
    self.context = context
    self.memoryLimit = memoryLimit
    self.verifyTextPath = verifyTextPath
    self.printsAfter = printsAfter
    self.isReplacing = isReplacing
    self.isContinuing = isContinuing
    self.command = command
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

  /// How a compile talks to whoever asked for it.
  struct Observer {
    let progress: (Progress) -> Void
    let printIR: (String) -> Void
    let isCancelled: () -> Bool
  }

  /// - Parameters:
  ///   - printIR: receives the model's text after the steps asked for.
  ///   - isCancelled: asked now and then.
  /// - Throws: whatever stops the compile. No file is left behind then, and no journal, unless the compile was
  ///   cancelled or a disk failed: then it is kept, to go on from.
  public func run(
    progress: @escaping (Progress) -> Void = { _ in }, printIR: @escaping (String) -> Void = { _ in },
    isCancelled: @escaping () -> Bool = { false }
  ) throws -> CompileReport {
    if let printsAfter, printsAfter != "all", !passList.steps.contains(where: { $0.name == printsAfter }) {
      throw CompileError.unknownPassToPrint(
        name: printsAfter, nearest: Suggestion.nearest(to: printsAfter, in: passList.steps.map(\.name) + ["all"]))
    }
    let plan = try CompilePlan(
      checkpointPath: checkpointPath, passList: passList, threadCount: context.pool.threadCount,
      verifyTextPath: verifyTextPath)
    try plan.requireMemory(memoryLimit)
    let file = try AtomicFileWriter(path: outputPath, replacing: isReplacing)
    let journal = passList.steps.isEmpty ? nil : try journal(of: plan)
    do {
      try CompilePlan.requireDiskSpace(
        plan.diskByteCount(heldByteCount: journal?.foundByteCount ?? 0, doneUnits: journal?.foundUnits ?? []),
        outputPath: outputPath)
      let observer = Observer(progress: progress, printIR: printIR, isCancelled: isCancelled)
      let report = try compile(plan, into: file, journal, observer)
      journal?.remove()
      return report
    } catch {
      throw settled(error, journal, isCancelled: isCancelled())
    }
  }

  private func journal(of plan: CompilePlan) throws -> CompileJournal {
    let identity = CompileIdentity(
      passList: passList, source: plan.checkpoint.model.source, instructionSet: context.instructionSet.rawValue,
      calibration: plan.calibration)
    return try CompileJournal(besides: outputPath, identity: identity, isContinuing: isContinuing)
  }

  /// Says what became of a compile that ended early. What fails in the same way each time takes its journal with it.
  private func settled(_ error: any Error, _ journal: CompileJournal?, isCancelled: Bool) -> any Error {
    // A journal of another compile is not this one's to remove.
    if error is JournalError { return error }
    let diagnosis = (error as? any Diagnosable)?.diagnosis
    let mayEndBetter = isCancelled || diagnosis?.status == .ioFailure || diagnosis?.status == .cannotCreate
    let kept = mayEndBetter && journal?.holdsWork == true ? journal?.path : nil
    if kept == nil { journal?.remove() }
    if isCancelled { return CompileError.interrupted(output: outputPath, journal: kept, command: command) }
    guard let kept, let diagnosis else { return error }
    return CompileError.stopped(diagnosis, journal: kept, command: command)
  }

  private func compile(
    _ plan: CompilePlan, into file: AtomicFileWriter, _ journal: CompileJournal?, _ observer: Observer
  ) throws -> CompileReport {
    let start = ContinuousClock.now
    observer.progress(Progress(phase: .passes, label: "read checkpoint", fraction: 0))
    let original = plan.checkpoint.model
    let (model, steps) = try manager(for: plan, journal, observer).run(passList.steps, on: original)
    try model.requireFiniteUntouchedWeights(pool: context.pool, isCancelled: observer.isCancelled)
    let writer = try write(model, plan.layout(of: model), into: file, observer)
    observer.progress(Progress(phase: .check, label: "digest sources", fraction: 0))
    try writer.finishDraft(sourceDigests: PackAssembly.digests(of: model.source))

    observer.progress(Progress(phase: .check, label: "check", fraction: 0.5))
    let outcome = try check(PackReader(writer.mapped(), path: outputPath), against: original, plan, observer)
    if let record = outcome.record { try writer.record([record]) }
    if observer.isCancelled() { throw PassError.cancelled }
    try writer.commit()
    let resumption = journal.flatMap { journal in
      journal.foundUnits.isEmpty
        ? nil : "went on from \(journal.path), where \(journal.foundUnits.count) parts were done"
    }
    return CompileReport(
      outputPath: outputPath, fileByteCount: file.position, originalByteCount: plan.originalByteCount,
      parameterCount: model.sizes.total.elementCount,
      seconds: (ContinuousClock.now - start) / .seconds(1), peakMemoryByteCount: PeakMemory.residentByteCount,
      steps: steps, check: outcome.check, accuracy: outcome.accuracy,
      notes: plan.checkpoint.notes + (resumption.map { [$0] } ?? []))
  }

  private func manager(
    for plan: CompilePlan, _ journal: CompileJournal?, _ observer: Observer
  ) throws -> PassManager {
    let folder = FileSystem.folder(of: outputPath)
    let calibration = try plan.calibration?.bound(
      to: plan.checkpoint.model, context: context, memoryLimit: plan.calibrationByteCount(limit: memoryLimit),
      scratchFolder: folder, isCancelled: observer.isCancelled)
    return PassManager(
      context: context, store: try journal ?? ScratchStore(folder: folder), calibration: calibration?.sweep,
      evaluation: calibration?.evaluation, journal: journal, isCancelled: observer.isCancelled,
      progress: { observer.progress(Progress($0)) },
      inspection: PassManager.Inspection(
        after: { printsAfter == "all" || printsAfter == $0.name },
        show: { steps, model in
          observer.printIR("after \(steps.map(\.text).joined(separator: ", "))\n\(model.text)")
        }))
  }

  private func write(
    _ model: Model, _ layout: PackLayout, into file: AtomicFileWriter, _ observer: Observer
  ) throws -> PackWriter {
    let writer = try PackWriter(layout, to: file)
    let parameters = model.graph.parameters
    for (index, parameter) in parameters.enumerated() {
      if observer.isCancelled() { throw PassError.cancelled }
      observer.progress(
        Progress(phase: .write, label: "write", fraction: Double(index) / Double(parameters.count)))
      guard let value = model.values[parameter.name] else { throw ModelError.valueMissing(parameter: parameter.name) }
      try writer.append(value.storage)
    }
    return writer
  }

  private typealias Outcome = (check: SmokeCheck, accuracy: VerifyReport?, record: AccuracyRecord?)

  /// Runs the draft against the original: a short check always, the whole text where one is given.
  private func check(
    _ reader: PackReader, against original: Model, _ plan: CompilePlan, _ observer: Observer
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
    guard let tokens = plan.verifyTokens else { return (check, nil, nil) }
    let settings = passList.verify
    let report = try VerifyCommand.compare(
      original, named: FileSystem.name(of: checkpointPath), with: pack, named: FileSystem.name(of: outputPath),
      on: tokens,
      tokenCountLimit: settings?.tokenCount, windowTokenCount: settings.map { min($0.window, original.graph.contextLength) },
      limits: GateLimits(
        maxPerplexityIncrease: settings?.maxPerplexityIncrease, maxKLDivergence: settings?.maxDivergence,
        minAgreement: settings?.minAgreement),
      context: context
    ) { share in
      if observer.isCancelled() { throw PassError.cancelled }
      observer.progress(Progress(phase: .verify, label: "verify", fraction: share))
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
