import Execution
import Metrics
import PackRuntime
import Parallelism
import TensorCore

/// Measures what a compile cost: original and pack over the same tokens with the same kernels.
public struct VerifyJob {
  private let tokens: [Int]
  private let plan: WindowPlan
  private let pool: WorkerPool

  /// Windows over which the error of each block is measured.
  static let blockErrorWindowLimit = 4
  /// Decides the draws of the confidence intervals.
  static let seed: UInt64 = 1

  /// - Parameters:
  ///   - tokens: the text that `plan` was made for.
  ///   - pool: the one the executors use.
  public init(tokens: [Int], plan: WindowPlan, pool: WorkerPool) {
    self.tokens = tokens
    self.plan = plan
    self.pool = pool
  }

  /// - Parameter progress: is told the share of the work that is done; an error it throws ends the run.
  /// - Throws: `ScoringError`, `ExecutionError`, and what the operators and `progress` throw.
  public func run(
    original: Executor, compiled: Executor, subject: VerifySubject, limits: GateLimits,
    progress: (Double) throws -> Void = { _ in }
  ) throws -> VerifyReport {
    let windows = plan.windows.indices.prefix(Self.blockErrorWindowLimit)
    let share = Double(plan.windows.count) / Double(plan.windows.count + windows.count)
    let pairs = try LockstepComparison(tokens: tokens, plan: plan, pool: pool).run(
      original: ExecutorStream(original, contextLength: plan.windowTokenCount),
      compiled: ExecutorStream(compiled, contextLength: plan.windowTokenCount)
    ) { try progress($0 * share) }
    let blockErrors = try BlockError.measure(
      original: original, compiled: compiled, on: windows.map { plan.ids(ofWindow: $0, in: tokens) })
    try progress(1)
    return try VerifyReport(
      pairs, subject: subject, windowTokenCount: plan.windowTokenCount, blockErrors: blockErrors, limits: limits)
  }
}
