import DecodeKernels
import Encodings
import LinearAlgebra
import ModelIR
import Parallelism
import PassKit
import TensorCore
import Testing

@testable import CompressionPasses

@Suite struct PackTernaryTests {
  private let shape = MatrixShape(outputCount: 150, inputCount: 96)

  private func encoder(damping: Double = 0.3) -> TernaryEncoder {
    TernaryEncoder(encoder: MatrixEncoder(method: .gptq, damping: damping))
  }

  private func encode(
    _ weights: [Float], bits: Double, _ inputs: InputKnowledge, threads: Int = 1
  ) throws -> TernaryEncoder.Result {
    try encoder().encode(
      weights, shape: shape, within: Int(bits * Double(shape.elementCount) / 8), inputs: inputs,
      pool: WorkerPool(threadCount: threads))
  }

  private func decoded(_ result: TernaryEncoder.Result) -> [Float] {
    OracleDecoder.decode(result.value.bytes.span, encoding: .ternary(result.value.encoding), shape: shape)
  }

  @Test(arguments: [0.6, 0.8, 1.0, 1.3])
  func theSizeIsKeptAndUsed(bits: Double) throws {
    let weights = RandomInputs.weights(shape, seed: 1)
    let gram = RandomInputs.gram(width: 96, tokenCount: 400, seed: 2)
    let result = try encode(weights, bits: bits, .gram(gram))
    let used = 8 * Double(result.value.bytes.count) / Double(shape.elementCount)
    #expect(used <= bits && used > 0.98 * bits)
    #expect(result.value.bytes == (try encode(weights, bits: bits, .gram(gram), threads: 3)).value.bytes)
  }

  @Test func whatIsReportedIsWhatAReaderSees() throws {
    let weights = RandomInputs.weights(shape, seed: 3)
    let gram = RandomInputs.gram(width: 96, tokenCount: 400, seed: 4)
    let result = try encode(weights, bits: 0.9, .gram(gram))
    let new = decoded(result)
    let level = new.map(abs).max() ?? 0
    #expect(level > 0 && new.allSatisfy { $0 == 0 || abs($0) == level })
    #expect(Double(new.filter { $0 == 0 }.count) == result.zeroShare * Double(new.count))
    let trace = outputError(weights, new, shape, gram)
    #expect(abs(result.error.outputError - trace) <= 1e-4 * trace)
    let plain = try encode(weights, bits: 0.9, .none)
    #expect(trace < 0.8 * outputError(weights, decoded(plain), shape, gram))
  }

  /// Past the best level more bits lose more: they are not used.
  @Test func bitsThatOnlyHarmAreLeftAlone() throws {
    let weights = RandomInputs.weights(shape, seed: 5)
    let gram = RandomInputs.gram(width: 96, tokenCount: 400, seed: 6)
    let result = try encode(weights, bits: 1.6, .gram(gram))
    #expect(result.zeroShare > 0.55)
    #expect(8 * result.value.bytes.count < Int(1.5 * Double(shape.elementCount)))
  }

  @Test func extremeMatrices() throws {
    for factor: Float in [0, 1e-30, 1e30] {
      let weights = RandomInputs.weights(shape, seed: 7).map { $0 * factor }
      let result = try encode(weights, bits: 0.8, .none)
      let new = decoded(result)
      #expect(new.allSatisfy(\.isFinite) && 8 * result.value.bytes.count <= Int(0.8 * Double(shape.elementCount)))
      if factor < 1 { #expect(new.allSatisfy { $0 == 0 }) }
    }
  }

  @Test func theGridOfQMoEIsTheRowsOwn() throws {
    let weights = RandomInputs.weights(shape, seed: 8)
    let gram = RandomInputs.gram(width: 96, tokenCount: 400, seed: 9)
    let result = try encoder(damping: 0.1).encode(
      weights, shape: shape, inputs: .gram(gram), pool: WorkerPool(threadCount: 2))
    let new = decoded(result)
    for row in 0..<shape.outputCount {
      let old = weights[row * 96..<(row + 1) * 96]
      let allowed = Set([0, old.min(), old.max()].compactMap { $0.map { TernaryEncoder.stored($0) } })
      #expect(allowed.isSuperset(of: new[row * 96..<(row + 1) * 96]))
    }
  }

  private func run(_ texts: [String], on model: Model, _ calibration: RandomCalibration) throws -> (Model, [StepReport]) {
    let manager = PassManager(
      context: KernelContext(pool: WorkerPool(threadCount: 2)), store: MemoryStore(), calibration: calibration)
    let result = try manager.run(PassStep.steps(texts), on: model)
    return (result.model, result.reports)
  }

  @Test func expertsAreTakenAndNothingElse() throws {
    let model = try SyntheticModel(type: .bf16).model()
    let starved = "layers.1.mlp.experts.1.gate"
    let (packed, reports) = try run(["pack-ternary bits-per-weight=1"], on: model, RandomCalibration(starved: [starved]))
    for parameter in model.graph.parameters {
      guard case .ternary? = packed.values[parameter.name]?.encoding else {
        #expect(parameter.role != .expert && packed.bytes(parameter.name) == model.bytes(parameter.name))
        continue
      }
      #expect(parameter.role == .expert)
    }
    #expect(reports[0].notes.contains { $0.contains("no token of the calibration text reached \(starved)") })
    // Ternary weights are compressed already.
    #expect(throws: StepFailure.self) {
      try PassPlan(
        PassStep.steps(["pack-ternary", "quantize targets=*.experts.*"]), on: ModelOutline(of: model))
    }
  }

  /// A bound is a value's size at any shape, and a correction on top of what is only a bound is refused.
  @Test func plansHoldAtAnyShape() throws {
    for (width, expertWidth) in [(64, 32), (128, 64), (16, 8)] {
      let model = try SyntheticModel(width: width, expertWidth: expertWidth).model()
      for bits in [0.3, 0.4, 0.8, 1.6] {
        let (packed, _) = try run(["pack-ternary bits-per-weight=\(bits)"], on: model, RandomCalibration())
        #expect(packed.values.count == model.values.count)
      }
      _ = try run(["pack-ternary grid=minmax"], on: model, RandomCalibration())
    }
    let model = try SyntheticModel().model()
    #expect(throws: StepFailure.self) {
      try PassPlan(
        PassStep.steps(["pack-ternary", "factorize method=svd correction=8 targets=*.experts.*"]),
        on: ModelOutline(of: model))
    }
  }

  @Test func targetsTakeAnyMatrix() throws {
    let model = try SyntheticModel(type: .bf16).model()
    let (packed, _) = try run(["pack-ternary targets=layers.0.mlp.*"], on: model, RandomCalibration())
    let taken = packed.values.filter { if case .ternary = $1.encoding { true } else { false } }
    #expect(!taken.isEmpty && taken.keys.allSatisfy { $0.hasPrefix("layers.0.mlp.") })
    #expect(throws: StepFailure.self) {
      try PassPlan(PassStep.steps(["pack-ternary", "pack-ternary"]), on: ModelOutline(of: model))
    }
  }
}
