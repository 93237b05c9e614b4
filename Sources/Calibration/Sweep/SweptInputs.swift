import Execution
import LinearAlgebra
import ModelGraph
import Parallelism
import PassKit

/// The inputs inside one block, summed up when they are first asked for.
///
/// As many sums are held as the budget allows. The block is run over all sequences once for each such wave, with the
/// values it had when the inputs were asked for, so that the figures do not depend on how many waves there are.
final class SweptInputs: BlockInputs {
  private let block: Block
  private let taps: [InputTap]
  /// The number of each parameter's tap.
  private let homes: [String: Int]
  /// The taps that will be asked for, in the order they will be.
  private let order: [Int]
  private let need: CalibrationNeed
  private let budget: MemoryBudget
  private let pool: WorkerPool
  /// Runs the block over all sequences, or throws where they have moved on.
  private let run: (any LinearObserver) throws -> Void
  /// The sums held now, by tap.
  private var wave: [Int: InputSum] = [:]

  init(
    block: Block, taps: [InputTap], need: CalibrationNeed, parameters: [String], budget: MemoryBudget,
    pool: WorkerPool, run: @escaping (any LinearObserver) throws -> Void
  ) {
    self.block = block
    self.taps = taps
    self.need = need
    self.budget = budget
    self.pool = pool
    self.run = run
    var homes: [String: Int] = [:]
    for (index, tap) in taps.enumerated() { for name in tap.parameters { homes[name] = index } }
    self.homes = homes
    var order: [Int] = []
    for case let home? in parameters.map({ homes[$0] }) where !order.contains(home) { order.append(home) }
    self.order = order
  }

  func tokenCount(ofInputsTo parameter: String) throws -> Int { try sum(of: parameter).tokenCount }

  func meanSquares(ofInputsTo parameter: String) throws -> [Float] { try sum(of: parameter).meanSquares }

  func gram(ofInputsTo parameter: String) throws -> Gram {
    guard let gram = try sum(of: parameter).gram else { preconditionFailure("no Gram matrix was announced") }
    return gram
  }

  private func sum(of parameter: String) throws -> InputSum {
    guard let home = homes[parameter] else { throw CalibrationError.noInputs(parameter: parameter, block: block.name) }
    if wave[home] == nil { try collect(from: home) }
    guard let sum = wave[home] else { preconditionFailure("a tap was left out of its own wave") }
    guard sum.isFinite else { throw PassError.statisticsNotFinite(parameter: parameter) }
    return sum
  }

  /// Sums up as many taps as fit, from `first` on in the order announced.
  private func collect(from first: Int) throws {
    wave = [:]
    let rest = order.firstIndex(of: first).map { order[$0...] } ?? [first]
    var byteCount = 0
    for tap in rest {
      byteCount += InputSum.byteCount(width: taps[tap].width, need: need)
      if tap != first, byteCount > budget.statisticsByteCount { break }
      wave[tap] = InputSum(width: taps[tap].width, need: need)
    }
    let observer = TapObserver(wave: wave, taps: taps, block: block, pool: pool)
    wave = [:]
    try run(observer)
    wave = observer.finished()
  }
}

/// Adds up the inputs of the taps of a wave as the block runs.
private final class TapObserver: LinearObserver {
  private var sums: [Int: InputSum]
  /// Taps by the matrix that stands for each.
  private let homes: [String: Int]
  /// Matrices that lead to none of them.
  private let idle: Set<String>
  private let pool: WorkerPool

  init(wave: [Int: InputSum], taps: [InputTap], block: Block, pool: WorkerPool) {
    sums = wave
    homes = Dictionary(wave.keys.map { (taps[$0].parameters[0], $0) }) { first, _ in first }
    idle = InputTap.matricesWithoutUse(observing: Set(wave.keys.flatMap { taps[$0].parameters }), in: block)
    self.pool = pool
  }

  func observe(_ name: String, input: Span<Float>, tokenCount: Int) {
    guard let home = homes[name] else { return }
    sums[home]?.add(input, tokenCount: tokenCount, pool: pool)
  }

  func needsResult(of name: String) -> Bool { !idle.contains(name) }

  /// The sums, complete.
  func finished() -> [Int: InputSum] {
    for home in homes.values { sums[home]?.finish(pool: pool) }
    defer { sums = [:] }
    return sums
  }
}
