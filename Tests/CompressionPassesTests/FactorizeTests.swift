@testable import CompressionPasses
import DecodeKernels
import Encodings
import LinearAlgebra
import ModelGraph
import ModelIR
import Parallelism
import PassKit
import TensorCore
import Testing

@Suite struct FactorizeTests {
  private static let catalog = PassCatalog([Quantize.self, Factorize.self])

  private func run(
    _ texts: [String], on model: Model, threads: Int = 1, evaluation: FakeEvaluation? = nil, isCalibrated: Bool = true
  ) throws -> (model: Model, reports: [StepReport]) {
    try PassManager(
      context: KernelContext(pool: WorkerPool(threadCount: threads)), store: MemoryStore(),
      calibration: isCalibrated ? FakeCalibration(model.graph) : nil, evaluation: evaluation
    ).run(texts.map { try PassStep(parsing: $0, catalog: Self.catalog) }, on: model)
  }

  private func rank(_ name: String, in model: Model) -> Int? {
    if case .lowRank(let rank, _, _)? = model.values[name]?.encoding { rank } else { nil }
  }

  private func matrix(_ name: String, in model: Model) -> Matrix {
    let shape = model.graph.parameter(named: name).map { MatrixShape(dimensions: $0.dimensions) }!
    return Matrix(rowCount: shape.outputCount, columnCount: shape.inputCount, floats: model.weights(name))
  }

  /// The linear weights of the blocks.
  private func targets(_ model: Model) -> [(name: String, shape: MatrixShape)] {
    model.graph.parameters.filter { [.attention, .mlp, .expert, .sharedExpert].contains($0.role) }
      .map { ($0.name, MatrixShape(dimensions: $0.dimensions)) }
  }

  private func metric(_ name: String, in model: Model) -> InputMetric {
    InputMetric(whitening: FakeCalibration.Inputs(graph: model.graph).gram(ofInputsTo: name))
  }

  private func parameterCount(_ model: Model) -> Int {
    targets(model).reduce(0) { sum, target in
      sum + (rank(target.name, in: model).map { $0 * (target.shape.outputCount + target.shape.inputCount) }
        ?? target.shape.elementCount)
    }
  }

  /// Σ tr(E·A·Eᵀ) / tr(W·A·Wᵀ).
  private func relativeLoss(_ result: Model, of model: Model) -> Double {
    targets(model).reduce(0) { sum, target in
      let metric = metric(target.name, in: model), original = matrix(target.name, in: model)
      return sum + metric.energy(of: original - matrix(target.name, in: result)) / metric.energy(of: original)
    }
  }

  @Test(arguments: [
    "parameters=0.7 scope=uniform", "parameters=0.7 importance=relative", "energy=0.9", "method=svd parameters=0.6",
    "method=activation parameters=50% importance=relative type=f32", "method=svd energy=0.8 type=bf16",
    "parameters=0.8 targets=*.mlp.*",
  ])
  func planAndRunAgree(options: String) throws {
    let model = try SyntheticModel(type: .f32).model()
    let step = "factorize \(options)"
    let steps = try [PassStep(parsing: step, catalog: Self.catalog)]
    let plan = try PassPlan(steps, on: ModelOutline(of: model))
    let isUniform = options.contains("uniform")
    #expect(plan.outline.isExact == isUniform)
    let result = try run([step], on: model, evaluation: FakeEvaluation(factors: [:]))
    if isUniform { #expect(result.model.values.mapValues(\.encoding) == plan.outline.encodings) }
    #expect(result.reports[0].byteCountAfter < result.reports[0].byteCountBefore)
    #expect(result.reports[0].parameterCount > 0)
    #expect(result.model.values.values.allSatisfy { $0.intent == nil })
    let table = try #require(result.reports[0].tables.first { $0.title == "factors" })
    #expect(table.rows.count == result.reports[0].parameterCount)
    for row in table.rows {
      guard case .text(let name) = row[0], case .number(let rank) = row[1] else {
        Issue.record("\(row)")
        continue
      }
      #expect(self.rank(name, in: result.model) == Int(rank))
    }
  }

  @Test func theThreadCountNeverChangesTheBytes() throws {
    let model = try SyntheticModel(type: .f32).model()
    let list = [
      "quantize bits=3 group=16 embedding=0 head=0 targets=*.experts.*", "factorize parameters=0.7",
      "factorize correction=4 targets=*.experts.*",
    ]
    let alone = try run(list, on: model, threads: 1, evaluation: FakeEvaluation(factors: [:]))
    let together = try run(list, on: model, threads: 3, evaluation: FakeEvaluation(factors: [:]))
    for parameter in model.graph.parameters {
      #expect(alone.model.bytes(parameter.name) == together.model.bytes(parameter.name), "\(parameter.name)")
    }
    #expect(alone.reports.map(\.tables) == together.reports.map(\.tables))
  }

  @Test(arguments: [0.5, 0.6, 0.7, 0.8, 0.9])
  func oneBudgetIsKeptAndBeatsTheSameShareInEach(share: Double) throws {
    let model = try SyntheticModel(type: .f32).model()
    let limit = share * Double(targets(model).reduce(0) { $0 + $1.shape.elementCount })
    let global = try run(["factorize parameters=\(share) importance=relative type=f32"], on: model).model
    let uniform = try run(["factorize parameters=\(share) scope=uniform type=f32"], on: model).model
    #expect(Double(parameterCount(global)) <= limit && Double(parameterCount(uniform)) <= limit)
    // What is left over is less than one more step in the largest matrix.
    #expect(Double(parameterCount(global)) > limit - 4 * 128)
    #expect(relativeLoss(global, of: model) < 0.9 * relativeLoss(uniform, of: model))
    for target in targets(model) {
      guard let rank = rank(target.name, in: global) else { continue }
      #expect(rank % 4 == 0 && rank * (target.shape.outputCount + target.shape.inputCount) < target.shape.elementCount)
    }
  }

  @Test func matricesThatMatterMoreGetMore() throws {
    let model = try SyntheticModel(type: .f32).model()
    let name = "layers.0.attention.query"
    let evaluation = FakeEvaluation(factors: [name: 100])
    let plain = try run(["factorize parameters=0.6"], on: model, evaluation: FakeEvaluation(factors: [:])).model
    let weighted = try run(["factorize parameters=0.6"], on: model, evaluation: evaluation).model
    #expect(rank(name, in: weighted) ?? 64 > rank(name, in: plain) ?? 64)
    #expect(evaluation.measured.sorted() == targets(model).map(\.name).sorted())
  }

  @Test func energyIsKeptWithTheSmallestRank() throws {
    let model = try SyntheticModel(type: .f32).model()
    let share = 0.9
    let result = try run(["factorize energy=\(share) type=f32"], on: model)
    var denseCount = 0
    for target in targets(model) {
      let original = matrix(target.name, in: model), metric = metric(target.name, in: model)
      let energies = try #require(LowRankFactorization(of: original, metric: metric)).energies
      let total = energies.reduce(0, +)
      guard let rank = rank(target.name, in: result.model) else {
        denseCount += 1
        let largest = try #require(RankTable.ranks(of: target.shape).last)
        #expect(energies[..<largest].reduce(0, +) < share * total)
        continue
      }
      #expect(energies[..<rank].reduce(0, +) >= share * total)
      #expect(energies[..<(rank - 4)].reduce(0, +) < share * total)
      let lost = metric.energy(of: original - matrix(target.name, in: result.model))
      #expect(lost <= (1 - share) * total * 1.0001)
    }
    #expect(result.reports[0].notes.contains { $0.contains("left as they are") } == (denseCount > 0))
  }

  @Test func pastBreakEvenIsRefusedUnlessAsked() throws {
    let model = try SyntheticModel(type: .f32).model()
    let failure = try #require(throws: StepFailure.self) { try run(["factorize energy=1"], on: model) }
    #expect(failure.diagnosis.code == "passes.nothing-to-do" && failure.diagnosis.why.contains("break-even"))
    let grown = try run(["factorize energy=1 allow-growth=true type=f32"], on: model).model
    for target in targets(model) {
      #expect(rank(target.name, in: grown) == min(target.shape.outputCount, target.shape.inputCount))
      let lost = (matrix(target.name, in: model) - matrix(target.name, in: grown)).elements.map { abs($0) }.max() ?? 1
      #expect(lost < 1e-4)
    }
    let list = ["quantize group=16 embedding=0 head=0", "factorize correction=22 targets=*.experts.*"]
    let refused = try #require(throws: StepFailure.self) { try run(list, on: model) }
    #expect(refused.number == 2 && refused.diagnosis.code == "passes.rank-past-break-even")
    #expect(refused.diagnosis.fix.contains("at most 20"))
    #expect(throws: Never.self) { try run([list[0], list[1] + " allow-growth=true"], on: model) }
  }

  @Test(arguments: ["svd", "activation", "whitened"])
  func correctionLeavesTheTailOfTheError(method: String) throws {
    let model = try SyntheticModel(type: .f32).model()
    let quantize = "quantize bits=2 group=16 embedding=0 head=0"
    let quantized = try run([quantize], on: model).model
    let result = try run([quantize, "factorize method=\(method) correction=8 type=f32"], on: model)
    for target in targets(model) {
      let inputs = FakeCalibration.Inputs(graph: model.graph)
      let metric: InputMetric =
        switch method {
        case "svd": .plain
        case "activation": InputMetric(activations: inputs.meanSquares(ofInputsTo: target.name))
        default: metric(target.name, in: model)
        }
      let before = matrix(target.name, in: model) - matrix(target.name, in: quantized)
      let after = matrix(target.name, in: model) - matrix(target.name, in: result.model)
      let energies = try #require(LowRankFactorization(of: before, metric: metric)).energies
      let tail = energies.dropFirst(8).reduce(0, +)
      #expect(abs(metric.energy(of: after) - tail) < 1e-3 * tail)
      #expect(tail < 0.95 * metric.energy(of: before))
      guard case .sum(.grouped, .lowRank(8, .dense(.f32), .dense(.f32)))? = result.model.values[target.name]?.encoding
      else {
        Issue.record("\(target.name) is not corrected")
        continue
      }
    }
  }

  @Test func correctionNeedsSomethingQuantizedAndItsOriginal() throws {
    let model = try SyntheticModel(type: .f32).model()
    #expect(throws: StepFailure.self) { try run(["factorize correction=8"], on: model) }
    // A model that was quantized before the list began.
    let quantized = try run(["quantize group=16 embedding=0 head=0"], on: model).model
    let failure = try #require(throws: StepFailure.self) { try run(["factorize correction=8"], on: quantized) }
    #expect(failure.diagnosis.code == "passes.original-gone")
  }

  @Test func svdNeedsNoCalibrationTextAndTheOthersDo() throws {
    let model = try SyntheticModel(type: .f32).model()
    #expect(throws: Never.self) { try run(["factorize method=svd parameters=0.7"], on: model, isCalibrated: false) }
    for options in ["parameters=0.7", "energy=0.8", "method=activation parameters=0.7 scope=uniform"] {
      let failure = try #require(throws: StepFailure.self) {
        try run(["factorize \(options)"], on: model, isCalibrated: false)
      }
      #expect(failure.error == .needsCalibration)
    }
  }

  @Test(arguments: [
    "factorize", "factorize parameters=0.5 energy=0.5", "factorize energy=0.5 correction=8",
    "factorize parameters=1.5", "factorize correction=0", "factorize parameters=0.5 scope=some",
  ])
  func wrongOptionsAreRefused(step: String) {
    #expect(throws: PassListError.self) { try PassStep(parsing: step, catalog: Self.catalog) }
  }

  @Test func weightsThatAreNotFiniteAreNamed() throws {
    var model = try SyntheticModel(type: .f32).model()
    var weights = model.weights("layers.0.mlp.up")
    weights[64 * 3 + 5] = .nan
    model.values["layers.0.mlp.up"] = ParameterValue(
      encoding: .dense(.f32), storage: InMemoryBytes(DenseCodec.encode(weights.span, as: .f32)))
    let failure = try #require(throws: StepFailure.self) {
      try run(["factorize parameters=0.6 scope=uniform"], on: model)
    }
    #expect(failure.diagnosis.place.hasPrefix("layers.0.mlp.up, row 3, column 5"))
  }
}
