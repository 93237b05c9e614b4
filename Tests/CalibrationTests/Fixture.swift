@testable import Calibration
import CheckpointImport
import DecodeKernels
import Encodings
import Execution
import ModelGraph
import ModelIR
import Parallelism
import PassKit
import TensorCore
import TestSupport

/// A checkpoint of the fixtures with sequences to run through it.
struct Fixture {
  let model: Model
  let sequences: [[Int]]
  let folder = TemporaryFolder()

  init(_ name: String, sequenceCount: Int = 3, length: Int = 24, seed: UInt64 = 1) throws {
    model = try Checkpoint.open(path: Fixtures.path(name)).model
    var random = SplitMix64(seed: seed)
    let vocabularyCount = model.graph.vocabularyCount
    // Of different lengths, so that nothing can depend on all being alike.
    sequences = (0..<sequenceCount).map { number in
      (0..<length - number).map { _ in Int(random.next() % UInt64(vocabularyCount)) }
    }
  }

  static func context(threads: Int = 2) -> KernelContext { KernelContext(pool: WorkerPool(threadCount: threads)) }

  func demand(
    _ need: CalibrationNeed = .gram, heldOutCount: Int = 0, work: WorkDemand = WorkDemand()
  ) throws -> MemoryDemand {
    try MemoryDemand(
      of: model, sequenceCount: sequences.count, heldOutCount: heldOutCount, length: sequences[0].count, need: need,
      work: work)
  }

  /// - Parameter spare: bytes beyond the minimum; nil for plenty.
  func budget(spare: Int? = nil) throws -> MemoryBudget {
    let demand = try demand()
    return try MemoryBudget(
      limit: demand.minimumByteCount + (spare ?? 1 << 30), demand: demand, scratchFolder: folder.path(""))
  }

  func sweep(threads: Int = 2, budget: MemoryBudget? = nil) throws -> BlockSweep {
    BlockSweep(sequences: sequences, context: Self.context(threads: threads), budget: try budget ?? self.budget())
  }

  func executor() throws -> Executor {
    let context = Self.context()
    return try Executor(
      graph: model.graph, operators: ModelOperators(model, context: context), context: context)
  }

  /// What every linear map saw of all sequences in a whole forward pass.
  func observedInputs() throws -> [String: [Float]] {
    let executor = try executor(), recorder = Recorder()
    for ids in sequences {
      try executor.forward(ids, cache: executor.makeCache(), logits: .all, observer: recorder)
    }
    return recorder.inputs
  }

  func logits(_ ids: [Int]) throws -> [[Float]] {
    let executor = try executor()
    var rows: [[Float]] = []
    try executor.forward(ids, cache: executor.makeCache(), logits: .all) { _, row in
      rows.append(row.indices.map { row[$0] })
    }
    return rows
  }
}

extension BlockSweep {
  /// Goes through all blocks and hands out what is known about the inputs of the matrices of each.
  func forEachBlock(
    of model: Model, need: CalibrationNeed, _ body: (Block, [String], any BlockInputs) throws -> Void
  ) throws {
    try restart(on: model)
    for (index, block) in model.graph.blocks.enumerated() {
      let names = try InputTap.taps(ofBlock: index, in: model.graph).flatMap(\.parameters)
      try body(block, names, inputs(of: block, in: model, need: need, parameters: names))
      try advance(through: block, in: model)
    }
  }
}

/// Keeps every input of every linear map.
final class Recorder: LinearObserver {
  private(set) var inputs: [String: [Float]] = [:]

  func observe(_ name: String, input: Span<Float>, tokenCount: Int) {
    inputs[name, default: []] += input.indices.map { input[$0] }
  }
}

extension Model {
  /// The model with noise of a standard deviation of `share` of its own on some matrices.
  func disturbed(_ share: Float, seed: UInt64 = 5, where isWanted: (String) -> Bool) -> Model {
    var model = self
    var random = SplitMix64(seed: seed)
    for parameter in graph.parameters where parameter.dimensions.count == 2 && isWanted(parameter.name) {
      guard let value = values[parameter.name], case .dense(let type) = value.encoding else { continue }
      var weights = value.storage.withBytes { DenseCodec.decode($0, as: type) }
      let square = weights.reduce(0) { $0 + $1 * $1 } / Float(weights.count)
      for index in weights.indices {
        let noise = (0..<12).reduce(Float(-6)) { sum, _ in sum + random.nextUnitFloat() }
        weights[index] += share * square.squareRoot() * noise
      }
      model.values[parameter.name] = ParameterValue(
        encoding: .dense(.f32), storage: InMemoryBytes(DenseCodec.encode(weights.span, as: .f32)))
    }
    return model
  }
}
