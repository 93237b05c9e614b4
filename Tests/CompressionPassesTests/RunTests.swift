import CompressionPasses
import DecodeKernels
import Diagnostics
import Encodings
import ModelIR
import Parallelism
import PassKit
import TensorCore
import Testing

@Suite struct RunTests {
  private func run(
    _ texts: [String], on model: Model, threads: Int = 1
  ) throws -> (model: Model, reports: [StepReport]) {
    try PassManager(context: KernelContext(pool: WorkerPool(threadCount: threads)), store: MemoryStore())
      .run(PassStep.steps(texts), on: model)
  }

  private static let lists: [[String]] = [
    ["cast type=f16"], ["cast type=f32", "quantize group=32"], ["quantize bits=2 group=16 symmetric=true"],
    [
      "quantize bits=3 group=32 targets=*.mlp.*", "cast type=f16 targets=*norm",
      "quantize bits=7 group=64 targets=*.query",
    ],
    ["quantize bits=5 group=8 embedding=0 targets=!layers.0.*", "cast type=f32"],
  ]

  @Test(arguments: lists, [false, true])
  func theRunDoesWhatThePlanSays(list: [String], isTied: Bool) throws {
    let model = try SyntheticModel(isTied: isTied, type: .f32).model()
    let plan = try PassPlan(PassStep.steps(list), on: ModelOutline(of: model))
    let result = try run(list, on: model, threads: 2)
    #expect(result.model.values.mapValues(\.encoding) == plan.outline.encodings)
    #expect(result.reports.map(\.byteCountBefore) == plan.steps.map(\.byteCountBefore))
    #expect(result.reports.map(\.byteCountAfter) == plan.steps.map(\.byteCountAfter))
    #expect(result.reports.map(\.parameterCount) == plan.steps.map(\.assignments.count))
    #expect(result.model.values.values.reduce(0) { $0 + $1.storage.byteCount } == plan.outline.sizes.total.byteCount)
    for step in plan.steps {
      for assignment in step.assignments {
        #expect(result.model.values[assignment.parameter.name]?.history.contains(step.step.text) == true)
      }
    }
  }

  /// The embedding's 300 × 1,024 weights are cut into five chunks; the small tensors stay whole.
  @Test func theThreadCountNeverChangesTheBytes() throws {
    let model = try SyntheticModel(width: 1_024, expertWidth: 192, vocabularyCount: 300, type: .f32).model()
    let list = ["cast type=bf16 targets=*.attention.*", "quantize bits=3 group=64"]
    let alone = try run(list, on: model, threads: 1)
    for threads in [2, 3, 8] {
      let together = try run(list, on: model, threads: threads)
      for parameter in model.graph.parameters {
        #expect(alone.model.bytes(parameter.name) == together.model.bytes(parameter.name), "\(parameter.name)")
      }
      #expect(together.reports.map(\.relativeSquaredError) == alone.reports.map(\.relativeSquaredError))
    }
  }

  /// Cutting a matrix into chunks must not be visible: the whole matrix in one piece gives the same bytes.
  @Test func chunksJoinToTheWhole() throws {
    let model = try SyntheticModel(width: 1_024, expertWidth: 192, vocabularyCount: 300, type: .f32).model()
    let encoding = GroupedEncoding(bits: 5, groupElementCount: 64, isSymmetric: false)
    var packer = GroupedPacker(encoding: encoding, inputCount: 1_024)
    var quantizer = GroupedQuantizer(encoding: encoding, inputCount: 1_024)
    let weights = model.weights("embedding")
    for row in 0..<300 {
      _ = quantizer.quantizeRow(weights.span.extracting(row * 1_024..<(row + 1) * 1_024), into: &packer)
    }
    let result = try run(["quantize group=64 embedding=5 targets=embedding"], on: model)
    #expect(result.model.bytes("embedding") == packer.finish())
  }

  @Test(arguments: [
    "quantize bits=4 group=32", "quantize bits=2 group=16 symmetric=true", "cast type=bf16", "cast type=f16",
  ])
  func theReportedErrorIsThatOfTheDecodedWeights(step: String) throws {
    let model = try SyntheticModel(type: .f32).model()
    let result = try run([step], on: model)
    var error = 0.0, norm = 0.0
    for parameter in model.graph.parameters where result.model.values[parameter.name]?.history.isEmpty == false {
      for (old, new) in zip(model.weights(parameter.name), result.model.weights(parameter.name)) {
        error += (Double(new) - Double(old)) * (Double(new) - Double(old))
        norm += Double(old) * Double(old)
      }
    }
    let reported = try #require(result.reports[0].relativeSquaredError)
    // The quantizer sums in float32 within a group.
    #expect(abs(reported - error / norm) <= 1e-5 * reported)
    #expect(reported > 0)
  }

  @Test func moreBitsCostLessError() throws {
    let model = try SyntheticModel(type: .f32).model()
    let errors = try (2...8).map { bits in
      try #require(
        run(["quantize bits=\(bits) group=32 embedding=\(bits) head=\(bits)"], on: model).reports[0]
          .relativeSquaredError)
    }
    // A bit less is a step twice as wide, four times the squared error; the search for scales evens out the low end.
    for (coarse, fine) in zip(errors, errors.dropFirst()) { #expect((2.5...7).contains(coarse / fine), "\(errors)") }
  }

  @Test func castRoundsToNearest() throws {
    let model = try SyntheticModel(type: .f32).model()
    let half = try run(["cast type=f16"], on: model).model
    let brain = try run(["cast type=bf16"], on: model).model
    for parameter in model.graph.parameters {
      let weights = model.weights(parameter.name)
      #expect(half.weights(parameter.name) == weights.map { Float(Float16($0)) })
      #expect(
        brain.weights(parameter.name)
          == weights.map { HalfPrecision.float(fromBFloat16Bits: HalfPrecision.bfloat16Bits($0)) })
    }
    let up = try run(["cast type=f32"], on: brain)
    #expect(up.model.weights("head") == brain.weights("head") && up.reports[0].relativeSquaredError == 0)
  }

  @Test(arguments: [(Float(65_504), nil), (65_519, nil), (65_520, 65_520), (-1e30, -1e30)] as [(Float, Float?)])
  func castRefusesWhatHalfPrecisionCannotHold(weight: Float, found: Float?) throws {
    var model = try SyntheticModel(type: .f32).model()
    var weights = model.weights("layers.0.mlp.down")
    weights[32 * 9 + 4] = weight
    model.values["layers.0.mlp.down"] = ParameterValue(
      encoding: .dense(.f32), storage: InMemoryBytes(DenseCodec.encode(weights.span, as: .f32)))
    guard let found else {
      #expect(try run(["cast type=f16"], on: model).model.weights("layers.0.mlp.down")[32 * 9 + 4] == 65_504)
      return
    }
    let failure = try #require(throws: StepFailure.self) { try run(["cast type=f16"], on: model) }
    guard case .weight("layers.0.mlp.down", let fault) = failure.error else {
      Issue.record("\(failure.error)")
      return
    }
    #expect(fault.kind == .tooLarge(for: .f16) && fault.row == 9 && fault.column == 4 && fault.value == found)
    #expect(failure.diagnosis.code == "weights.too-large" && failure.diagnosis.status == .malformedInput)
    #expect(try run(["cast type=bf16"], on: model).reports.count == 1)
  }

  @Test func quantizeRefusesNaN() throws {
    var model = try SyntheticModel(type: .bf16).model()
    var bytes = model.bytes("layers.1.mlp.shared.up")
    (bytes[2 * (64 * 3 + 5)], bytes[2 * (64 * 3 + 5) + 1]) = (0xC0, 0x7F)
    model.values["layers.1.mlp.shared.up"] = ParameterValue(encoding: .dense(.bf16), storage: InMemoryBytes(bytes))
    let failure = try #require(throws: StepFailure.self) { try run(["quantize group=32"], on: model, threads: 3) }
    #expect(failure.diagnosis.code == "weights.not-finite" && failure.diagnosis.status == .malformedInput)
    #expect(failure.diagnosis.place.hasPrefix("layers.1.mlp.shared.up, row 3, column 5 (step 1, quantize"))
  }

  @Test func largeTensorsGoInWavesAndReleaseTheirSource() throws {
    // 5,000 × 1,024 weights are more than the 2^22 of a wave.
    let source = try SyntheticModel(width: 1_024, expertWidth: 64, vocabularyCount: 5_000, isTied: true).model()
    var model = source
    let counter = ReleaseCounter(InMemoryBytes(source.bytes("embedding")))
    model.values["embedding"] = ParameterValue(encoding: .dense(.bf16), storage: counter)
    let result = try run(["cast type=f32"], on: model, threads: 2)
    #expect(counter.releasedByteCount >= 2 * 5_000 * 1_024 && counter.largestLoan <= 2 << 16)
    #expect(result.model.weights("embedding") == source.weights("embedding"))
  }
}
