import CheckpointImport
import CompressionPasses
import DecodeKernels
import Encodings
import ModelGraph
import ModelIR
import Parallelism
import PassKit
import TensorCore
import TestSupport
import Testing

/// `allocate-bits method=experts` on errors that are stated, against every combination.
@Suite struct ExpertWidthsTests {
  /// An expert's error falls by four with every bit, from a weight of its own.
  private final class StatedErrors: FixedCalibration {
    private(set) var next = 0

    static func weight(_ mixture: Int, _ expert: Int) -> Double { Double((expert * 5 + mixture * 3) % 8 * 7 + 1) }

    static func error(_ mixture: Int, _ expert: Int, bits: Int) -> Double {
      weight(mixture, expert) / Double(1 << (2 * bits))
    }

    override func restart(on model: Model) { next = 0 }

    override func mixtureUses(in block: Block, of model: Model) -> [MixtureUse] {
      block.mixtures.map { mixture in
        var use = ExpertUse()
        use.tokenCount = 10
        return MixtureUse(
          router: mixture.router, tokenCount: 100,
          experts: (0..<mixture.expertCount).map { expert in
            use.energy = Self.weight(next, expert)
            return use
          })
      }
    }

    override func expertErrors(in block: Block, of candidate: Model, from model: Model) -> [[Double]] {
      block.mixtures.map { mixture in
        (0..<mixture.expertCount).map { expert in
          switch candidate.values[mixture.down(expert)]?.encoding {
          case .grouped(let grouped): Self.error(next, expert, bits: grouped.bits)
          case .ternary: Self.error(next, expert, bits: 1)
          default: 0
          }
        }
      }
    }

    override func advance(through block: Block, in model: Model) { next += block.mixtures.count }
  }

  private final class SameEverywhere: CandidateEvaluation {
    func accuracy(of candidate: Model) throws -> CandidateAccuracy {
      try candidate.verify()
      return CandidateAccuracy(
        perplexityRatio: 1, perplexityRatioError: 0, divergence: 0, divergenceError: 0, agreement: 1, agreementError: 0,
        tokenCount: 1_000)
    }

    func outputChange(of candidate: Model, from reference: Model, firstChangedBlock block: Int) -> [Float] { [1] }
  }

  private func run(_ texts: [String], _ model: Model) throws -> (model: Model, reports: [StepReport]) {
    try PassManager(
      context: KernelContext(pool: WorkerPool(threadCount: 2)), store: MemoryStore(), calibration: StatedErrors(),
      evaluation: SameEverywhere()
    ).run(PassStep.steps(texts), on: model)
  }

  private func bits(of mixture: Mixture, in model: Model) -> [Int] {
    (0..<mixture.expertCount).map { expert in
      let intents = (mixture.inputMatrices(expert) + [mixture.down(expert)]).map { model.values[$0]?.intent }
      guard case .grouped(let grouped)? = intents[0], Set(intents).count == 1 else { return 0 }
      return grouped.bits
    }
  }

  @Test func everyLayerSpendsItsBitsBest() throws {
    let model = try Checkpoint.open(path: Fixtures.path("tiny/olmoe")).model
    let target = 4.5
    let result = try run(
      ["allocate-bits method=experts candidates=2,3,4 group=16 bits-per-weight=\(target) scope=layer"], model)
    for (number, placed) in result.model.graph.mixtures.enumerated() {
      let mixture = placed.mixture, chosen = bits(of: mixture, in: result.model)
      func bytes(_ bits: [Int]) -> Int {
        bits.enumerated().reduce(0) { sum, entry in
          let encoding = Encoding.grouped(
            GroupedEncoding(bits: entry.element, groupElementCount: 16, isSymmetric: false))
          return (mixture.inputMatrices(entry.offset) + [mixture.down(entry.offset)]).reduce(sum) {
            guard let parameter = model.graph.parameter(named: $1) else { return $0 }
            return $0 + encoding.byteCount(of: MatrixShape(dimensions: parameter.dimensions))
          }
        }
      }
      func cost(_ bits: [Int]) -> Double {
        bits.enumerated().reduce(0) { $0 + StatedErrors.error(number, $1.offset, bits: $1.element) }
      }
      #expect(Set(chosen).count > 1)
      let experts = model.graph.parameters.filter { $0.name.hasPrefix(mixture.experts + ".") }
      let limit = Int(target * Double(experts.reduce(0) { $0 + $1.dimensions.reduce(1, *) }) / 8)
      #expect(bytes(chosen) <= limit)
      var best = Double.infinity, bits = [Int](repeating: 2, count: mixture.expertCount)
      func visit(_ expert: Int) {
        guard expert < bits.count else {
          if bytes(bits) <= limit { best = min(best, cost(bits)) }
          return
        }
        for width in 2...4 {
          bits[expert] = width
          visit(expert + 1)
        }
      }
      visit(0)
      #expect(abs(cost(chosen) - best) < 1e-12 && best.isFinite)
    }
    // Nothing else is decided.
    for parameter in result.model.graph.parameters {
      #expect((parameter.role == .expert) == (result.model.values[parameter.name]?.intent != nil))
    }
    let table = try #require(result.reports[0].tables.first { $0.title.hasPrefix("experts") })
    #expect(table.columns == ["unit", "tokens", "energy", "2", "3", "4"] && table.rows.count > 8)
  }

  /// An expert that goes costs its energy, which is what zero bits cost here; two must stay of every mixture.
  @Test(arguments: [(0.6, "layer"), (1.5, "layer"), (0.6, "global"), (2.5, "global")])
  func ternaryWeightsAndPruningAreOptions(target: Double, scope: String) throws {
    let model = try Checkpoint.open(path: Fixtures.path("tiny/olmoe")).model
    let candidates = ["prune", "ternary:1.6", "2", "4"].compactMap { EncodingCandidate($0) }
    let steps = [
      "allocate-bits method=experts candidates=\(candidates.map(\.text).joined(separator: ",")) group=16 "
        + "bits-per-weight=\(target) scope=\(scope)", "quantize method=gptq targets=*.experts.*",
    ]
    let result = try run(steps, model)
    try result.model.verify()
    let experts = model.graph.parameters.filter { $0.role == .expert }
    let limit = Int(target * Double(experts.reduce(0) { $0 + $1.dimensions.reduce(1, *) }) / 8)
    let written = result.model.graph.parameters.filter { $0.role == .expert }.reduce(0) {
      $0 + (result.model.values[$1.name]?.storage.byteCount ?? 0)
    }
    #expect(written <= limit && written > limit * 7 / 10)
    // Bytes and cost of every expert at every candidate.
    var total = 0.0, best = 0.0
    for (number, placed) in model.graph.mixtures.enumerated() {
      let mixture = placed.mixture, kept = result.model.graph.mixtures[number].mixture
      #expect(kept.expertCount >= kept.activeCount && (target > 1 || kept.expertCount < mixture.expertCount))
      #expect(result.model.graph.parameter(named: kept.router)?.dimensions[0] == kept.expertCount)
      let names = (0..<kept.expertCount).map { kept.down($0) }
      // By the number of experts that stay and the bytes used.
      var states: [[Int: Double]] = [[0: 0]]
      for expert in 0..<mixture.expertCount {
        var options: [(stays: Int, byteCount: Int, cost: Double)] = [
          (0, 0, StatedErrors.error(number, expert, bits: 0))
        ]
        for (candidate, bits) in zip(candidates.dropFirst(), [1, 2, 4]) {
          let byteCount = (mixture.inputMatrices(expert) + [mixture.down(expert)]).reduce(0) {
            let shape = MatrixShape(dimensions: model.graph.parameter(named: $1)?.dimensions ?? [])
            return $0 + (candidate.encoding(group: 16, of: shape)?.byteCount(of: shape) ?? 0)
          }
          options.append((1, byteCount, StatedErrors.error(number, expert, bits: bits)))
        }
        var next = [[Int: Double]](repeating: [:], count: states.count + 1)
        for (stays, costs) in states.enumerated() {
          for (used, cost) in costs {
            for option in options {
              let sum = cost + option.cost, bytes = used + option.byteCount
              if sum < next[stays + option.stays][bytes] ?? .infinity { next[stays + option.stays][bytes] = sum }
            }
          }
        }
        states = next
        let encoding = result.model.values[mixture.down(expert)]?.encoding
        switch encoding {
        case .ternary: total += options[1].cost
        case .grouped(let grouped): total += options[grouped.bits == 2 ? 2 : 3].cost
        default:
          total += options[0].cost
          #expect(!names.contains(mixture.down(expert)))
        }
      }
      let merged = states.dropFirst(mixture.activeCount).reduce(into: [Int: Double]()) {
        $0.merge($1) { min($0, $1) }
      }
      best += merged.filter { $0.key <= limit / model.graph.mixtures.count }.values.min() ?? .infinity
    }
    // Over all layers every one's costs are scaled to the same divergence.
    if scope == "layer" { #expect(abs(total - best) < 1e-9) }
  }

  @Test func oneBudgetOverAllLayersKeepsToIt() throws {
    let model = try Checkpoint.open(path: Fixtures.path("tiny/olmoe")).model
    let result = try run(
      ["allocate-bits method=experts candidates=2,3,4 group=16 bits-per-weight=4.5 scope=global"], model)
    let experts = model.graph.parameters.filter { $0.role == .expert }
    let byteCount = experts.reduce(0) { sum, parameter in
      let encoding = result.model.values[parameter.name]?.intent ?? .dense(.f32)
      return sum + encoding.byteCount(of: MatrixShape(dimensions: parameter.dimensions))
    }
    let elementCount = experts.reduce(0) { $0 + $1.dimensions.reduce(1, *) }
    let bits = 8 * Double(byteCount) / Double(elementCount)
    #expect(bits <= 4.5 && bits > 4.3)
  }

  @Test(arguments: [
    "method=experts max-kl=1", "method=experts", "bits-per-weight=3", "max-kl=1 scope=layer",
    "max-kl=1 importance=energy", "max-kl=1 candidates=prune,2",
  ])
  func refusesOptionsThatDoNotGoTogether(options: String) {
    #expect(throws: (any Error).self) { try PassStep.steps(["allocate-bits \(options)"]) }
  }

  @Test(arguments: [
    (["prune"], "prune is the only candidate"), (candidates(129), "method=experts has 129 candidates"),
    (candidates(128), nil),
  ])
  func refusesCandidatesThatCannotBeChosenAmong(candidates: [String], what: String?) throws {
    let step = "allocate-bits method=experts bits-per-weight=4 candidates=" + candidates.joined(separator: ",")
    var found: String?
    do { _ = try PassStep.steps([step]) } catch let error as PassListError { found = error.diagnosis.what }
    #expect(what.map { found?.hasSuffix($0) == true } ?? (found == nil), "\(found ?? "accepted")")
  }

  /// So many that differ.
  private static func candidates(_ count: Int) -> [String] {
    (0..<count).map { "\(2 + $0 % 4)g\(1 + $0 / 4)" }
  }

  @Test func refusesModelsWithoutExpertsAndBudgetsTooSmall() throws {
    for (checkpoint, bits, code) in [
      ("tiny/llama", "4", "passes.nothing-to-do"), ("tiny/olmoe", "1", "passes.target-not-met"),
    ] {
      let model = try Checkpoint.open(path: Fixtures.path(checkpoint)).model
      let failure = try #require(throws: StepFailure.self) {
        try PassPlan(
          PassStep.steps(["allocate-bits method=experts candidates=2,4 group=16 bits-per-weight=\(bits)"]),
          on: ModelOutline(of: model))
      }
      #expect(failure.diagnosis.code == code)
    }
  }
}
