import Calibration
import DecodeKernels
import ForeignFormats
import ModelIR
import PassKit

/// What the calibrated steps of a compile look at, checked and tokenized before any weight is read.
struct CalibrationInput {
  let sample: CalibrationSample
  let demand: MemoryDemand
  /// Every text, as it was read.
  let texts: [Text]
  /// Whether some step tries candidates.
  let judgesCandidates: Bool

  /// A text as far as a compile depends on it.
  struct Text {
    /// Nil where the one text has no name.
    let task: String?
    /// SHA-256 of its ids, as hexadecimal digits.
    let digest: String
  }

  /// Tokens that statistics are taken from.
  var tokenCount: Int { sample.sequences.reduce(0) { $0 + $1.count } }

  /// - Parameters:
  ///   - work: what the steps take.
  ///   - model: whose tokenizer reads the text.
  /// - Throws: `StepFailure` when a step needs a text and the list names none; `CalibrationError` and `ByteIOError` for
  ///   a text that cannot be used.
  init?(for plan: PassPlan, work: WorkDemand, of passList: PassList, model: Model) throws {
    guard plan.needsCalibration else { return nil }
    try model.graph.requireOneSequence(or: EncoderDecoderError.calibration)
    let files = passList.calibrationFiles
    guard !files.isEmpty, let settings = passList.calibration else {
      try plan.requireNoCalibration()
      return nil
    }
    judgesCandidates = passList.steps.contains(where: \.evaluatesCandidates)
    let texts = try files.map { try CalibrationText(path: $0.path, field: settings.field, for: model) }
    sample = try CalibrationSample(
      of: texts, tasks: passList.taskNames, sequenceCount: settings.sequenceCount, length: settings.length,
      seed: UInt64(settings.seed), contextLength: model.graph.contextLength, judgesCandidates: judgesCandidates)
    demand = try MemoryDemand(
      of: model, sequenceCount: sample.sequences.count, heldOutCount: judgesCandidates ? sample.heldOut.count : 0,
      length: settings.length, need: passList.steps.map(\.calibrationNeed).max() ?? .none, work: work)
    self.texts = zip(files, texts).map { file, text in
      let ids = Array(text.ids.map(String.init).joined(separator: ",").utf8)
      return Text(task: file.task, digest: SHA256.hexadecimal(of: ids.span))
    }
  }

  /// What runs the text through models.
  /// - Parameters:
  ///   - original: the model before the first step.
  ///   - memoryLimit: bytes that calibration may hold; nil for a share of the machine's.
  ///   - scratchFolder: on the disk that takes what does not fit.
  ///   - isCancelled: asked before each sequence.
  /// - Throws: `CalibrationError.memoryTooSmall`.
  func bound(
    to original: Model, context: KernelContext, memoryLimit: Int?, scratchFolder: String,
    isCancelled: @escaping () -> Bool
  ) throws -> (sweep: BlockSweep, evaluation: HeldOutEvaluation?) {
    let budget = try MemoryBudget(limit: memoryLimit, demand: demand, scratchFolder: scratchFolder)
    return (
      BlockSweep(
        sequences: sample.sequences, tasks: sample.tasks, context: context, budget: budget, isCancelled: isCancelled),
      judgesCandidates
        ? HeldOutEvaluation(
          original: original, windows: sample.heldOut, context: context, budget: budget, isCancelled: isCancelled)
        : nil
    )
  }
}
