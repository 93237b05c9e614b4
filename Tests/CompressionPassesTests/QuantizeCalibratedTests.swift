import CompressionPasses
import DecodeKernels
import Diagnostics
import Encodings
import ModelIR
import Parallelism
import PassKit
import TensorCore
import Testing

@Suite struct QuantizeCalibratedTests {
  private func run(
    _ texts: [String], on model: Model, _ calibration: (any SweepCalibration)? = RandomCalibration(), threads: Int = 1
  ) throws -> (model: Model, reports: [StepReport]) {
    try PassManager(
      context: KernelContext(pool: WorkerPool(threadCount: threads)), store: MemoryStore(), calibration: calibration
    ).run(PassStep.steps(texts), on: model)
  }

  private static let lists: [[String]] = [
    ["quantize method=gptq group=32"], ["quantize method=imatrix bits=2 group=16 symmetric=true"],
    ["sparsify", "quantize method=gptq bits=3 group=16"], ["sparsify method=wanda bits=4 group=16"],
    ["sparsify method=magnitude pattern=3:8 targets=*.mlp.*", "quantize bits=5 group=32"],
    ["factorize method=svd parameters=0.5 scope=uniform", "quantize method=gptq bits=6 group=32"],
    ["sparsify method=magnitude", "quantize method=imatrix group=32"],
    [
      "quantize method=gptq bits=2 group=32", "factorize method=svd correction=8",
      "quantize method=gptq bits=8 group=32",
    ],
  ]

  @Test(arguments: lists)
  func theRunDoesWhatThePlanSays(list: [String]) throws {
    let model = try SyntheticModel(type: .bf16).model()
    let plan = try PassPlan(PassStep.steps(list), on: ModelOutline(of: model))
    let result = try run(list, on: model)
    #expect(result.model.values.mapValues(\.encoding) == plan.outline.encodings)
    #expect(result.reports.map(\.byteCountAfter) == plan.steps.map(\.byteCountAfter))
    for parameter in model.graph.parameters {
      let old = model.weights(parameter.name), new = result.model.weights(parameter.name)
      let error = zip(old, new).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
      let norm = old.reduce(0.0) { $0 + Double($1) * Double($1) }
      #expect(error < 2 * norm, "\(parameter.name)")
    }
  }

  @Test(arguments: lists)
  func theThreadCountNeverChangesTheBytes(list: [String]) throws {
    let model = try SyntheticModel(type: .bf16).model()
    let alone = try run(list, on: model), together = try run(list, on: model, threads: 3)
    for parameter in model.graph.parameters {
      #expect(alone.model.bytes(parameter.name) == together.model.bytes(parameter.name), "\(parameter.name)")
    }
  }

  @Test func eachMethodAsksForWhatItNeeds() throws {
    let model = try SyntheticModel().model()
    for (method, need) in [("imatrix", CalibrationNeed.meanSquares), ("gptq", .gram)] {
      let calibration = RandomCalibration()
      _ = try run(["quantize method=\(method) group=32"], on: model, calibration)
      #expect(Set(calibration.needs) == [need])
    }
    #expect(throws: StepFailure.self) { try run(["quantize method=gptq group=32"], on: model, nil) }
    #expect(try run(["quantize group=32"], on: model, nil).reports.count == 1)
  }

  @Test func placesStayWhenKeptValuesAreQuantized() throws {
    let model = try SyntheticModel().model()
    let sparse = try run(["sparsify"], on: model).model
    for method in ["rtn", "gptq"] {
      let both = try run(["sparsify", "quantize method=\(method) group=16 embedding=0 head=0"], on: model).model
      let name = "layers.0.mlp.up"
      #expect(both.values[name]?.encoding.text == "sparse(2:4 grouped(bits=4 group=16 asymmetric scale=f16))")
      for (old, new) in zip(sparse.weights(name), both.weights(name)) where old == 0 { #expect(new == 0) }
      #expect(both.weights(name) != sparse.weights(name))
    }
  }

  @Test func anExpertWithoutTokensIsRoundedPlainly() throws {
    let model = try SyntheticModel().model()
    let name = "layers.1.mlp.experts.0.up"
    let result = try run(["quantize method=gptq group=32"], on: model, RandomCalibration(starved: [name]))
    let plain = try run(["quantize group=32"], on: model)
    #expect(result.model.bytes(name) == plain.model.bytes(name))
    #expect(result.model.bytes("layers.1.mlp.experts.1.up") != plain.model.bytes("layers.1.mlp.experts.1.up"))
    #expect(result.reports[0].notes.contains { $0.contains(name) })
  }

  @Test func anEmbeddingThatIsLookedUpHasNoInputs() throws {
    let apart = try SyntheticModel().model(), tied = try SyntheticModel(isTied: true).model()
    for (model, isPlain) in [(apart, true), (tied, false)] {
      let gptq = try run(["quantize method=gptq group=32 embedding=4 head=4"], on: model).model
      let plain = try run(["quantize group=32 embedding=4 head=4"], on: model).model
      #expect((gptq.bytes("embedding") == plain.bytes("embedding")) == isPlain)
    }
  }

  @Test func whatAnEarlierStepDecidedIsObeyed() throws {
    var model = try SyntheticModel().model()
    let sparse = Encoding.sparse(
      SparsePattern(kept: 2, group: 4),
      values: .grouped(GroupedEncoding(bits: 3, groupElementCount: 16, isSymmetric: false)))
    model.values["layers.0.mlp.up"]?.intent = sparse
    model.values["layers.1.mlp.shared.up"]?.intent = .dense(.bf16)
    model.values["embedding"]?.intent = .dense(.f16)
    for method in ["rtn", "gptq"] {
      let result = try run(["quantize method=\(method) group=32"], on: model).model
      #expect(result.values["layers.0.mlp.up"]?.encoding == sparse)
      #expect(result.values["layers.1.mlp.shared.up"]?.encoding == .dense(.bf16))
      #expect(result.values["embedding"]?.encoding == .dense(.f16))
      #expect(result.values["layers.0.mlp.down"]?.encoding.text.hasPrefix("grouped(bits=4") == true)
    }
    let failure = try #require(throws: StepFailure.self) { try run(["quantize bits=3 group=32"], on: model) }
    #expect(failure.diagnosis.code == "passes.decided-before" && failure.diagnosis.status == .usage)
  }

  @Test func aWeightThatIsNotFiniteIsNamed() throws {
    for step in ["quantize method=gptq group=32", "sparsify", "sparsify method=armor"] {
      var model = try SyntheticModel(type: .bf16).model()
      var bytes = model.bytes("layers.1.mlp.shared.up")
      (bytes[2 * (64 * 3 + 5)], bytes[2 * (64 * 3 + 5) + 1]) = (0xC0, 0x7F)
      model.values["layers.1.mlp.shared.up"] = ParameterValue(encoding: .dense(.bf16), storage: InMemoryBytes(bytes))
      let failure = try #require(throws: StepFailure.self) { try run([step], on: model) }
      #expect(failure.diagnosis.code == "weights.not-finite" && failure.diagnosis.status == .malformedInput)
      #expect(failure.diagnosis.place.hasPrefix("layers.1.mlp.shared.up, row 3, column 5 (step 1"))
    }
  }
}
