@testable import Calibration
import Diagnostics
import ModelGraph
import PassKit
import Testing

@Suite struct MemoryTests {
  @Test func aLimitBelowTheMinimumIsRefused() throws {
    let fixture = try Fixture("models/novelist-dense")
    let demand = try fixture.demand()
    let least = demand.minimumByteCount
    #expect(throws: CalibrationError.memoryTooSmall(limit: least - 1, needed: least)) {
      try MemoryBudget(limit: least - 1, demand: demand, scratchFolder: ".")
    }
    #expect(CalibrationError.memoryTooSmall(limit: 1, needed: 2).diagnosis.status == .limitExceeded)
    // One layer of width 256: attention 192 Ki and feed-forward 576 Ki weights of two bytes, its widest input 768.
    #expect(demand.blockByteCount >= 768 * 1_024 * 2 && demand.blockByteCount < 4_096 * 256 * 2 + 4_096)
    #expect(demand.largestStatisticByteCount == 768 * 768 * 8 + 2_048 * 768 * 4)
    #expect(demand.sequenceByteCount == 2 * 24 * 256 * 4)
    #expect(demand.statesByteCount == 3 * 24 * 256 * 4)
  }

  /// What passes work in is a part of the minimum, and leaves less to share out.
  @Test func theWorkOfPassesIsReserved() throws {
    let fixture = try Fixture("models/novelist-dense")
    let plain = try fixture.demand()
    let working = try fixture.demand(work: WorkDemand(memoryByteCount: 5_000_000))
    #expect(working.minimumByteCount == plain.minimumByteCount + 5_000_000)
    #expect(try fixture.demand(work: WorkDemand(tokenByteCount: 7)).passByteCount == 7 * 3 * 24)
    let limit = working.minimumByteCount + 1_000
    let budget = try MemoryBudget(limit: limit, demand: working, scratchFolder: ".")
    #expect(budget.statisticsByteCount + budget.statesByteCount == plain.largestStatisticByteCount + 1_000)
    // Four windows of 24 tokens, 80 coordinates for each; two heads of 4096 tokens and width 256 with their norms.
    let judging = try fixture.demand(heldOutCount: 20, work: WorkDemand(outputChangeCount: 3))
    let change = 4 * 24 * 80 * 4
    #expect(judging.passByteCount == 3 * change)
    #expect(judging.evaluationByteCount == 2 * (4_096 + 1) * 256 * 2 + 2 * change)
    #expect(judging.statesByteCount == ((3 + 40) * 24 + 4 * 24 * 10) * 256 * 4)
    #expect(judging.minimumByteCount == plain.minimumByteCount + judging.passByteCount + judging.evaluationByteCount)
  }

  /// A block of many sequences takes long: whoever stops a compile waits for one of them at most.
  @Test func stopsBetweenSequences() throws {
    let fixture = try Fixture("tiny/llama")
    var askedCount = 0
    let sweep = BlockSweep(
      sequences: fixture.sequences, context: Fixture.context(), budget: try fixture.budget(),
      isCancelled: {
        askedCount += 1
        return askedCount == 2
      })
    try sweep.restart(on: fixture.model)
    #expect(throws: PassError.cancelled) {
      try sweep.advance(through: fixture.model.graph.blocks[0], in: fixture.model)
    }
    #expect(askedCount == 2)
    let evaluation = HeldOutEvaluation(
      original: fixture.model, windows: fixture.sequences, context: Fixture.context(), budget: try fixture.budget(),
      isCancelled: {
        askedCount += 1
        return askedCount == 5
      })
    #expect(throws: PassError.cancelled) { try evaluation.accuracy(of: fixture.model) }
    #expect(askedCount == 5)
  }

  @Test func theSharesStayWithinTheLimit() throws {
    let demand = try Fixture("models/novelist-dense").demand()
    for spare in [0, 1_000, 1 << 20, 1 << 24, 1 << 30] {
      let limit = demand.minimumByteCount + spare
      let budget = try MemoryBudget(limit: limit, demand: demand, scratchFolder: ".")
      let fixed = demand.minimumByteCount - demand.largestStatisticByteCount
      #expect(fixed + budget.statisticsByteCount + budget.statesByteCount == limit)
      #expect(budget.statisticsByteCount >= demand.largestStatisticByteCount && budget.statesByteCount >= 0)
    }
    let comfortable = try MemoryBudget(limit: demand.comfortableByteCount, demand: demand, scratchFolder: ".")
    #expect(comfortable.statisticsByteCount == demand.blockStatisticsByteCount)
    #expect(comfortable.statesByteCount == demand.statesByteCount)
    #expect(try MemoryBudget(limit: nil, demand: demand, scratchFolder: ".").limit >= 1 << 29)
  }

  @Test func statesAreHeldUpToTheirShareAndGivenBack() throws {
    let fixture = try Fixture("tiny/llama")
    let demand = try fixture.demand()
    let width = fixture.model.graph.parameters[0].dimensions[1]
    // Room for all statistics and the first sequence.
    let spare = demand.blockStatisticsByteCount - demand.largestStatisticByteCount + 24 * width * 4
    let budget = try fixture.budget(spare: spare)
    let sweep = try fixture.sweep(budget: budget)
    try sweep.restart(on: fixture.model)
    for block in fixture.model.graph.blocks.dropLast() {
      try sweep.advance(through: block, in: fixture.model)
      #expect(budget.heldStatesByteCount == 24 * width * 4)
    }
    #expect(budget.spilledByteCount == (23 + 22) * width * 4 * (fixture.model.graph.blocks.count - 1))
    try sweep.restart(on: fixture.model)
    #expect(budget.heldStatesByteCount == 0)
  }
}
