import DecodeKernels
import Encodings
import ModelIR
import Parallelism
import PassKit
import TensorCore
import Testing

@Suite struct FiniteWeightsTests {
  /// A tiny model with `weight` at one place of one parameter.
  private func model(_ name: String, index: Int, weight: Float, width: Int = 8) throws -> Model {
    var model = try TinyModel.model(layerCount: 2, width: width)
    var weights = model.weights(name)
    weights[index] = weight
    model.values[name] = ParameterValue(
      encoding: .dense(.f32), storage: InMemoryBytes(DenseCodec.encode(weights.span, as: .f32)))
    return model
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity, .signalingNaN], [1, 3])
  func namesTensorRowAndColumn(weight: Float, threads: Int) throws {
    let pool = WorkerPool(threadCount: threads)
    let model = try model("layers.1.mlp", index: 8 * 5 + 3, weight: weight)
    let error = try #require(throws: PassError.self) { try model.requireFiniteUntouchedWeights(pool: pool) }
    guard case .weight("layers.1.mlp", let fault) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(fault.kind == .notFinite && fault.row == 5 && fault.column == 3)
    let diagnosis = error.diagnosis
    #expect(diagnosis.code == "weights.not-finite" && diagnosis.status == .malformedInput)
    #expect(diagnosis.place == "layers.1.mlp, row 5, column 3")
    #expect(diagnosis.what == "layers.1.mlp holds \(weight.isNaN ? "NaN" : "infinity")")
  }

  @Test func rowsOfLaterChunksAreCountedFromTheTop() throws {
    // 600 columns make chunks of 109 rows.
    let model = try model("layers.0.mlp", index: 600 * 599 + 599, weight: .nan, width: 600)
    let error = try #require(throws: PassError.self) {
      try model.requireFiniteUntouchedWeights(pool: WorkerPool(threadCount: 2))
    }
    #expect(error.diagnosis.place == "layers.0.mlp, row 599, column 599")
  }

  @Test func theFirstInTheGraphsOrderIsNamed() throws {
    var model = try model("layers.1.norm", index: 2, weight: .nan)
    model.values["head"] = try self.model("head", index: 0, weight: .nan).values["head"]
    let error = try #require(throws: PassError.self) {
      try model.requireFiniteUntouchedWeights(pool: WorkerPool(threadCount: 3))
    }
    #expect(error.diagnosis.place == "layers.1.norm, row 0, column 2")
  }

  @Test func finiteModelsPassAndRewrittenValuesAreNotReadAgain() throws {
    let pool = WorkerPool(threadCount: 2)
    try TinyModel.model(layerCount: 2).requireFiniteUntouchedWeights(pool: pool)
    var model = try model("head", index: 0, weight: .nan)
    if let value = model.values["head"] {
      model.values["head"] = value.replaced(by: value.encoding, storage: value.storage, step: "a step")
    }
    try model.requireFiniteUntouchedWeights(pool: pool)
    #expect(throws: PassError.cancelled) {
      try model.requireFiniteUntouchedWeights(pool: pool, isCancelled: { true })
    }
  }

  @Test func aPassRefusesThemToo() throws {
    let model = try model("layers.1.mlp", index: 8 * 2 + 1, weight: .infinity)
    let step = try PassStep(parsing: "shift", catalog: .recording)
    let failure = try #require(throws: StepFailure.self) {
      try PassManager(context: KernelContext(pool: WorkerPool(threadCount: 1)), store: MemoryStore())
        .run([step], on: model)
    }
    #expect(failure.diagnosis.code == "weights.not-finite" && failure.diagnosis.status == .malformedInput)
    #expect(failure.diagnosis.place == "layers.1.mlp, row 2, column 1 (step 1, shift, --pass 'shift')")
  }
}
