/// What a step takes while it runs, worked out from shapes: beside the values it reads, the statistics it is given, and
/// the values it makes.
public struct WorkDemand: Sendable, Equatable {
  /// Bytes of memory it works in at most.
  public var memoryByteCount: Int
  /// Bytes of memory it works in for every calibration token, on top.
  public var tokenByteCount: Int
  /// Output changes it holds at a time; see ``CandidateEvaluation/outputChange(of:from:firstChangedBlock:)``.
  public var outputChangeCount: Int
  /// Bytes of candidates it keeps in the run's store until it is done.
  public var candidateByteCount: Int

  public init(
    memoryByteCount: Int = 0, tokenByteCount: Int = 0, outputChangeCount: Int = 0, candidateByteCount: Int = 0
  ) {
    self.memoryByteCount = memoryByteCount
    self.tokenByteCount = tokenByteCount
    self.outputChangeCount = outputChangeCount
    self.candidateByteCount = candidateByteCount
  }

  /// What will do for either of two, which run one after the other.
  public static func max(_ a: WorkDemand, _ b: WorkDemand) -> WorkDemand {
    WorkDemand(
      memoryByteCount: Swift.max(a.memoryByteCount, b.memoryByteCount),
      tokenByteCount: Swift.max(a.tokenByteCount, b.tokenByteCount),
      outputChangeCount: Swift.max(a.outputChangeCount, b.outputChangeCount),
      candidateByteCount: Swift.max(a.candidateByteCount, b.candidateByteCount))
  }
}

extension StepPlan {
  /// What the step takes on so many threads.
  public func demand(threadCount: Int) -> WorkDemand { step.pass.demand(of: self, threadCount: threadCount) }
}

extension PassPlan {
  /// What will do for any of the steps on so many threads.
  public func demand(threadCount: Int) -> WorkDemand {
    steps.reduce(WorkDemand()) { .max($0, $1.demand(threadCount: threadCount)) }
  }
}
