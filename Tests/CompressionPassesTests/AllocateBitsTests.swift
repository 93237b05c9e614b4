import CompressionPasses
import DecodeKernels
import Diagnostics
import Encodings
import ModelGraph
import ModelIR
import Parallelism
import PassKit
import TensorCore
import Testing

/// The whole pass on a model whose damage is made up: quadratic in the steps of the encodings, with terms between
/// parameters.
@Suite struct AllocateBitsTests {
  private final class QuadraticEvaluation: CandidateEvaluation {
    private let directions: [String: [Float]]
    private(set) var measured: [Model] = []
    private(set) var changeCount = 0
    private(set) var firstBlocks: [Int] = []

    /// - Parameter amplitudes: by prefix of the parameter's name; 1 for those without.
    init(_ graph: ModelGraph, amplitudes: [String: Float] = [:], seed: UInt64 = 1) {
      var random = SplitMix64(seed: seed)
      directions = Dictionary(
        uniqueKeysWithValues: graph.parameters.map { parameter in
          let amplitude = amplitudes.first { parameter.name.hasPrefix($0.key) }?.value ?? 1
          return (parameter.name, (0..<8).map { _ in amplitude * (random.nextUnitFloat() * 2 - 0.7) })
        })
    }

    private func change(of candidate: Model) -> [Float] {
      candidate.graph.parameters.reduce(into: [Float](repeating: 0, count: 8)) { sum, parameter in
        guard case .grouped(let grouped)? = candidate.values[parameter.name]?.encoding,
          let direction = directions[parameter.name]
        else { return }
        for index in sum.indices { sum[index] += direction[index] / Float(1 << grouped.bits) }
      }
    }

    func accuracy(of candidate: Model) throws -> CandidateAccuracy {
      try candidate.verify()
      measured.append(candidate)
      let divergence = change(of: candidate).reduce(0) { $0 + 0.5 * Double($1) * Double($1) }
      return CandidateAccuracy(
        perplexityRatio: 1 + divergence, perplexityRatioError: 0, divergence: divergence, divergenceError: 0,
        agreement: 1 - divergence, agreementError: 0, tokenCount: 1_000)
    }

    func outputChange(of candidate: Model, from reference: Model, firstChangedBlock block: Int) throws -> [Float] {
      try candidate.verify()
      let changed = candidate.graph.parametersByBlock().firstIndex { entry in
        entry.parameters.contains {
          candidate.values[$0.name]?.encoding != reference.values[$0.name]?.encoding
        }
      }
      #expect(changed == block)
      changeCount += 1
      return change(of: candidate)
    }
  }

  private func run(
    _ texts: [String], on model: Model, _ evaluation: any CandidateEvaluation
  ) throws -> (model: Model, reports: [StepReport]) {
    try PassManager(
      context: KernelContext(pool: WorkerPool(threadCount: 2)), store: MemoryStore(), calibration: FixedCalibration(),
      evaluation: evaluation
    ).run(PassStep.steps(texts), on: model)
  }

  private static func bits(_ encoding: Encoding?) -> Int? {
    if case .grouped(let grouped)? = encoding { grouped.bits } else { nil }
  }

  @Test func intentsLandAndKeepTheTarget() throws {
    let model = try SyntheticModel(type: .f32).model()
    let evaluation = QuadraticEvaluation(model.graph, amplitudes: ["layers.0.mlp": 6, "head": 0.2])
    let limit = 0.3
    let result = try run(["allocate-bits max-kl=\(limit) group=32"], on: model, evaluation)
    // No weight is touched; every matrix but routers has an intent, experts of a layer the same.
    for parameter in model.graph.parameters {
      let value = try #require(result.model.values[parameter.name])
      #expect(value.encoding == .dense(.f32) && value.history.isEmpty)
      let isTaken = parameter.dimensions.count == 2 && parameter.role != .router
      #expect((value.intent != nil) == isTaken, "\(parameter.name)")
    }
    for part in ["gate", "up", "down"] {
      #expect(
        result.model.values["layers.1.mlp.experts.0.\(part)"]?.intent
          == result.model.values["layers.1.mlp.experts.1.\(part)"]?.intent)
    }
    // Applied, the intents keep the target, and the sensitive layer has more bits than the insensitive head.
    var applied = result.model
    for (name, value) in result.model.values {
      guard let intent = value.intent, let parameter = model.graph.parameter(named: name) else { continue }
      let count = intent.byteCount(of: MatrixShape(dimensions: parameter.dimensions))
      applied.values[name] = ParameterValue(
        encoding: intent, storage: InMemoryBytes([UInt8](repeating: 0, count: count)))
    }
    let accuracy = try evaluation.accuracy(of: applied)
    #expect(accuracy.divergence <= limit && accuracy.divergence > limit / 4)
    let head = try #require(Self.bits(result.model.values["head"]?.intent))
    let up = try #require(Self.bits(result.model.values["layers.0.mlp.up"]?.intent))
    #expect(up > head)
    // 12 units, two references each.
    #expect(evaluation.changeCount == 24)
    let report = result.reports[0]
    #expect(report.tables.map { $0.rows.count } == [12, evaluation.measured.count - 1, 12])
    let sizes = applied.sizes.total.byteCount
    #expect(report.notes.contains { $0.hasPrefix("\(NumberText.count(sizes)) bytes of values") }, "\(report.notes)")
  }

  @Test(arguments: ["hessian-bisection", "knapsack", "uniform"], [false, true])
  func everyMethodKeepsASize(method: String, isTied: Bool) throws {
    let model = try SyntheticModel(isTied: isTied, type: .bf16).model()
    let whole = model.sizes.total.byteCount
    let limit = whole * 35 / 100
    let steps = try PassStep.steps(["allocate-bits method=\(method) size=\(limit) group=32 candidates=2,3,4,8g16"])
    let plan = try PassPlan(steps, on: ModelOutline(of: model))
    #expect(!plan.outline.isExact && plan.steps[0].assignments.isEmpty)
    let result = try run(steps.map(\.text), on: model, QuadraticEvaluation(model.graph))
    var size = whole
    var candidates: Set<Encoding> = []
    for parameter in model.graph.parameters {
      guard let value = result.model.values[parameter.name], let intent = value.intent else { continue }
      candidates.insert(intent)
      size += intent.byteCount(of: MatrixShape(dimensions: parameter.dimensions)) - value.storage.byteCount
    }
    #expect(size <= limit && size > limit * 8 / 10, "\(size) of \(limit)")
    if method == "uniform" { #expect(candidates.count == 1) }
    #expect(result.model.values["embedding"]?.intent != nil)
    #expect(result.reports[0].notes.contains { $0.contains("come on top") })
  }

  @Test func theOrderOfTheMethodsIsThatOfWhatTheyKnow() throws {
    let model = try SyntheticModel(type: .f32).model()
    let amplitudes: [String: Float] = ["layers.0.mlp": 6, "head": 0.2, "layers.1.mlp.shared": 3]
    let sizes = try ["hessian-bisection", "uniform"].map { method in
      let result = try run(
        ["allocate-bits method=\(method) max-perplexity-increase=10% group=32"], on: model,
        QuadraticEvaluation(model.graph, amplitudes: amplitudes))
      return model.graph.parameters.reduce(0) {
        $0 + (result.model.values[$1.name]?.intent?.byteCount(of: MatrixShape(dimensions: $1.dimensions)) ?? 0)
      }
    }
    #expect(Double(sizes[0]) < 0.9 * Double(sizes[1]), "\(sizes)")
  }

  @Test func theThreadCountAndASecondRunChangeNothing() throws {
    let model = try SyntheticModel(type: .f32).model()
    let texts = ["allocate-bits max-kl=0.2 group=16"]
    let intents = try (0..<2).map { _ in
      try run(texts, on: model, QuadraticEvaluation(model.graph)).model.values.mapValues(\.intent)
    }
    #expect(intents[0] == intents[1])
  }

  /// Rows of 32 and 64: groups of 64 fit only some tensors.
  @Test func aCandidateThatDoesNotFitIsPassedOver() throws {
    let model = try SyntheticModel(type: .f32).model()
    let result = try run(
      ["allocate-bits max-kl=100 candidates=2g64,3g32"], on: model, QuadraticEvaluation(model.graph))
    #expect(Self.bits(result.model.values["layers.0.mlp.up"]?.intent) == 2)
    #expect(Self.bits(result.model.values["layers.0.mlp.down"]?.intent) == 3)
    let steps = try PassStep.steps(["allocate-bits max-kl=100 candidates=2g64"])
    let failure = try #require(throws: StepFailure.self) { try PassPlan(steps, on: ModelOutline(of: model)) }
    #expect(
      failure.error
        == .noCandidateFits(parameter: "layers.0.mlp.down", rowElementCount: 32, candidates: ["2g64"]))
    #expect(failure.diagnosis.code == "passes.no-candidate-fits" && failure.diagnosis.status == .usage)
  }

  @Test func whatStaysAsItIsDoesNoDamage() throws {
    let model = try SyntheticModel(type: .bf16).model()
    let result = try run(
      ["allocate-bits max-kl=1e-300 candidates=2,bf16 group=32"], on: model, QuadraticEvaluation(model.graph))
    for value in result.model.values.values { #expect(value.intent ?? .dense(.bf16) == .dense(.bf16)) }
  }

  @Test func aTargetOutOfReachSaysTheBestFound() throws {
    let model = try SyntheticModel(type: .bf16).model()
    let failure = try #require(throws: StepFailure.self) {
      try run(
        ["allocate-bits min-agreement=99.9% candidates=2,3 group=32"], on: model,
        QuadraticEvaluation(model.graph, amplitudes: ["": 4]))
    }
    #expect(failure.diagnosis.status == .limitExceeded && failure.diagnosis.code == "passes.target-not-met")
    #expect(failure.diagnosis.why.contains("agreement") && failure.diagnosis.what.contains("min-agreement=99.9%"))
    // A size that the smallest candidates miss is known before a weight is read.
    let steps = try PassStep.steps(["allocate-bits size=1000"])
    let early = try #require(throws: StepFailure.self) { try PassPlan(steps, on: ModelOutline(of: model)) }
    #expect(early.diagnosis.status == .usage || early.diagnosis.status == .limitExceeded)
  }

  @Test(arguments: [
    ("allocate-bits", "no target"), ("allocate-bits method=uniform", "no target"),
    ("allocate-bits max-kl=0.1 size=1MB", "max-kl and size"),
    ("allocate-bits max-perplexity-increase=1% min-agreement=0.9", "max-perplexity-increase and min-agreement"),
    ("allocate-bits method=knapsack max-kl=0.1 inter-layer=true", "inter-layer"),
    ("allocate-bits method=uniform max-kl=0.1 inter-layer=false", "inter-layer"),
  ])
  func contradictoryOptionsAreRefused(text: String, words: String) throws {
    let error = try #require(throws: PassListError.self) { try PassStep.steps([text]) }
    #expect(error.diagnosis.code == "passes.conflicting-options" && error.diagnosis.status == .usage)
    #expect(error.diagnosis.what.contains(words), "\(error.diagnosis)")
  }

  @Test func weightsThatAreNotFiniteAreNamed() throws {
    var model = try SyntheticModel(type: .f32).model()
    var weights = model.weights("layers.0.mlp.up")
    weights[64 * 3 + 5] = .nan
    model.values["layers.0.mlp.up"] = ParameterValue(
      encoding: .dense(.f32), storage: InMemoryBytes(DenseCodec.encode(weights.span, as: .f32)))
    let failure = try #require(throws: StepFailure.self) {
      try run(["allocate-bits max-kl=0.1 group=32"], on: model, QuadraticEvaluation(model.graph))
    }
    #expect(failure.diagnosis.place.hasPrefix("layers.0.mlp.up, row 3, column 5"))
  }
}
