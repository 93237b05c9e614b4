import DecodeKernels
import Encodings
import LinearAlgebra
import ModelGraph
import ModelIR
import PassKit
import Synchronization
import TensorCore

/// What happened in a run, in order.
final class Record: Sendable {
  @TaskLocal static var current = Record()

  private let log = Mutex<[String]>([])
  var lines: [String] { log.withLock { $0 } }
  func add(_ line: String) { log.withLock { $0.append(line) } }
}

/// Adds a number to every weight of the dense matrices of the blocks.
struct Shift: ParameterPass {
  static let byOption = PassOption<Double>.number("by", in: -1_000...1_000, default: 1, "the number")
  static let name = "shift"
  static let summary = "adds a number to every weight"
  static let details = ""
  static let options = [byOption.declaration]

  let by: Float
  init(_ values: OptionValues) { by = Float(values[Self.byOption]) }

  func plan(_ outline: inout OutlineEditor) throws(PassError) {
    for parameter in try outline.matrices(targets: nil) { outline.assign(.dense(.f32), to: parameter) }
  }

  func encode(_ rows: Span<Float>, shape: MatrixShape, as encoding: Encoding) throws(WeightFault) -> EncodedRows {
    let shifted = rows.indices.map { rows[$0] + by }
    return try EncodedRows(rounding: shifted.span, shape: shape, to: .f32)
  }
}

/// The sum of the weights of all blocks.
struct WeightSum: Analysis {
  func compute(on model: Model, using analyses: AnalysisCache) throws -> Float {
    Record.current.add("compute sum")
    return model.graph.parameters.filter { $0.role == .mlp }.reduce(0) { $0 + model.weights($1.name).reduce(0, +) }
  }
}

/// The mean of them, which asks for the sum.
struct WeightMean: Analysis {
  func compute(on model: Model, using analyses: AnalysisCache) throws -> Float {
    Record.current.add("compute mean")
    let count = model.graph.parameters.filter { $0.role == .mlp }.reduce(0) { $0 + $1.dimensions.reduce(1, *) }
    return try analyses.result(of: WeightSum(), on: model) / Float(count)
  }
}

/// Writes down what it sees of every block; calibrated, it also stores the matrices anew as they are.
struct Probe: BlockPass {
  enum Claim: String, CaseIterable, Sendable { case nothing, all, sum }
  static let keepOption = PassOption<Claim>.choice("keep", default: .nothing, "analyses to claim")
  static let calibratedOption = PassOption<Bool>.boolean("calibrated", default: false, "look at the inputs")
  static let name = "probe"
  static let summary = "writes down what it sees"
  static let details = ""
  static let options = [keepOption.declaration, calibratedOption.declaration]

  let claim: Claim
  let calibrationNeed: CalibrationNeed
  init(_ values: OptionValues) {
    claim = values[Self.keepOption]
    calibrationNeed = values[Self.calibratedOption] ? .gram : .none
  }

  func plan(_ outline: inout OutlineEditor) throws(PassError) {
    guard calibrationNeed != .none else { return }
    for parameter in try outline.matrices(targets: nil) {
      outline.assign(outline.outline.encoding(of: parameter), to: parameter)
    }
  }

  func run(on block: BlockEditor) throws -> PreservedAnalyses {
    if let inputs = block.inputs {
      let widths = try block.assignments.map { try inputs.gram(ofInputsTo: $0.parameter.name).width }
      Record.current.add("\(block.block.name) inputs \(widths)")
    } else if calibrationNeed == .none {
      Record.current.add("\(block.block.name) mean \(try block.result(of: WeightMean()))")
    }
    for assignment in block.assignments {
      let bytes = block.value(of: assignment.parameter).storage.withBytes { bytes in bytes.indices.map { bytes[$0] } }
      block.note("\(assignment.parameter.name) kept")
      try block.replace(assignment, with: bytes, error: nil)
    }
    switch claim {
    case .nothing: return .none
    case .all: return .all
    case .sum: return .only([WeightSum.self])
    }
  }
}

/// Looks at the inputs of all matrices first, then casts those of every other layer, beginning with the second.
struct Choosy: SurveyingPass {
  static let name = "choosy"
  static let summary = "casts every other layer to bf16"
  static let details = ""
  static let options: [OptionDeclaration] = []

  init(_ values: OptionValues) {}

  var needsSurvey: Bool { true }
  var evaluatesCandidates: Bool { false }

  func plan(_ outline: inout OutlineEditor) throws(PassError) {
    for parameter in try outline.matrices(targets: nil) {
      if let intent = outline.outline.intents[parameter.name] { outline.assign(intent.encoding, to: parameter) }
    }
  }

  func survey(_ model: ModelEditor) throws {
    let matrices = model.graph.parameters.filter { $0.role == .mlp }
    var table = ReportTable(title: "inputs", columns: ["matrix", "width"])
    try model.forEachBlock(need: .meanSquares, parameters: matrices) { block, owned, inputs in
      for parameter in owned {
        let width = try inputs.meanSquares(ofInputsTo: parameter.name).count
        table.append([.text(parameter.name), .number(Double(width))])
      }
    }
    for (index, parameter) in matrices.enumerated() where index % 2 == 1 {
      model.setIntent(.dense(.bf16), of: parameter)
    }
    model.report(table)
    model.note("looked at \(matrices.count) matrices")
  }

  func run(on block: BlockEditor) throws -> PreservedAnalyses {
    for assignment in block.assignments {
      Record.current.add("cast \(assignment.parameter.name)")
      let weights = block.value(of: assignment.parameter).storage.withBytes { DenseCodec.decode($0, as: .f32) }
      try block.replace(assignment, with: DenseCodec.encode(weights.span, as: .bf16), error: nil)
    }
    return .none
  }
}

/// Keeps the first layers of a ``TinyModel``.
struct Crop: ModelPass {
  static let layersOption = PassOption<Int>.integer("layers", in: 1...100, "layers to keep")
  static let name = "crop"
  static let summary = "keeps the first layers"
  static let details = ""
  static let options = [layersOption.declaration]

  let graph: ModelGraph
  init(_ values: OptionValues) { graph = TinyModel.graph(layerCount: values[Self.layersOption]) }

  func plan(_ outline: inout OutlineEditor) {
    outline.replaceGraph(graph)
    outline.note("fewer layers")
  }

  func run(on model: ModelEditor) throws -> PreservedAnalyses {
    try model.replaceGraph(graph)
    return .none
  }
}

/// Looks at how sure routers are.
struct GateReader: ModelPass {
  static let name = "gate-reader"
  static let summary = "looks at how sure routers are"
  static let details = ""
  static let options: [OptionDeclaration] = []

  init(_ values: OptionValues) {}

  var needsCalibration: Bool { true }
  var evaluatesCandidates: Bool { false }

  func plan(_ outline: inout OutlineEditor) {}

  func run(on model: ModelEditor) throws -> PreservedAnalyses {
    let names = try model.mapGateSamples { sample in
      Record.current.add("look at \(sample.router)")
      return sample.router
    }
    Record.current.add("\(names)")
    return .all
  }
}

/// Plans what it does not do.
struct Liar: BlockPass {
  static let name = "liar"
  static let summary = "plans what it does not do"
  static let details = ""
  static let options: [OptionDeclaration] = []

  init(_ values: OptionValues) {}

  func plan(_ outline: inout OutlineEditor) throws(PassError) {
    for parameter in try outline.matrices(targets: nil) { outline.assign(.dense(.bf16), to: parameter) }
  }

  func run(on block: BlockEditor) -> PreservedAnalyses { .all }
}

/// A calibration that writes down when it is asked and what the model then holds.
final class RecordingCalibration: SweepCalibration {
  struct Inputs: BlockInputs {
    let graph: ModelGraph

    func tokenCount(ofInputsTo parameter: String) -> Int { 1 }

    func meanSquares(ofInputsTo parameter: String) -> [Float] {
      [Float](repeating: 1, count: graph.parameter(named: parameter)?.dimensions.last ?? 0)
    }

    func gram(ofInputsTo parameter: String) -> Gram {
      Gram(width: graph.parameter(named: parameter)?.dimensions.last ?? 0)
    }
  }

  func restart(on model: Model) { Record.current.add("restart") }

  func inputs(of block: Block, in model: Model, need: CalibrationNeed, parameters: [String]) -> any BlockInputs {
    Record.current.add("enter \(block.name) for \(need) of \(parameters)")
    return Inputs(graph: model.graph)
  }

  func blockInfluence(of block: Block, in model: Model) -> Double { 0.5 }

  func mixtureUses(in block: Block, of model: Model) -> [MixtureUse] { [] }

  func gateSamples(in block: Block, of model: Model) -> [GateSample] { [GateSample(router: "\(block.name).router")] }

  func expertErrors(in block: Block, of candidate: Model, from model: Model) -> [[Double]] { [] }

  func advance(through block: Block, in model: Model) {
    let steps = model.values["\(block.name).mlp"]?.history.count
    Record.current.add("advance \(block.name)\(steps.map { " after \($0) steps" } ?? "")")
  }
}

/// Keeps everything in memory.
struct MemoryStore: PayloadStore {
  func store(_ bytes: [UInt8]) -> any ByteStorage { InMemoryBytes(bytes) }
}

extension PassCatalog {
  static let recording = PassCatalog([Shift.self, Probe.self, Choosy.self, Crop.self, GateReader.self, Liar.self])
}
