import Encodings
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

/// Writes down what it sees of every block.
struct Probe: BlockPass {
  enum Claim: String, CaseIterable, Sendable { case nothing, all, sum }
  static let keepOption = PassOption<Claim>.choice("keep", default: .nothing, "analyses to claim")
  static let calibratedOption = PassOption<Bool>.boolean("calibrated", default: false, "look at the inputs")
  static let name = "probe"
  static let summary = "writes down what it sees"
  static let details = ""
  static let options = [keepOption.declaration, calibratedOption.declaration]

  let claim: Claim
  let needsCalibration: Bool
  init(_ values: OptionValues) {
    claim = values[Self.keepOption]
    needsCalibration = values[Self.calibratedOption]
  }

  func plan(_ outline: inout OutlineEditor) {}

  func run(on block: BlockEditor) throws -> PreservedAnalyses {
    if let inputs = block.inputs {
      let squares = try block.parameters.map { try inputs.meanSquares(ofInputsTo: $0.name) }
      Record.current.add("\(block.block.name) inputs \(squares.map(\.count))")
    } else {
      Record.current.add("\(block.block.name) mean \(try block.result(of: WeightMean()))")
    }
    switch claim {
    case .nothing: return .none
    case .all: return .all
    case .sum: return .only([WeightSum.self])
    }
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

  func run(on model: ModelEditor) -> PreservedAnalyses {
    model.replaceGraph(graph)
    return .none
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
struct RecordingCalibration: SweepCalibration {
  struct Inputs: BlockInputs {
    let graph: ModelGraph
    func meanSquares(ofInputsTo parameter: String) -> [Float] {
      [Float](repeating: 1, count: graph.parameter(named: parameter)?.dimensions.last ?? 0)
    }
  }

  func inputs(of block: Block, in model: Model) -> any BlockInputs {
    Record.current.add("enter \(block.name)")
    return Inputs(graph: model.graph)
  }

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
  static let recording = PassCatalog([Shift.self, Probe.self, Crop.self, Liar.self])
}
