@testable import CompressionPasses
import DecodeKernels
import Encodings
import LinearAlgebra
import ModelGraph
import ModelIR
import Parallelism
import PassKit
import TensorCore

/// Weights and inputs drawn from a seed.
enum FactorizeProblem {
  static func normals(_ count: Int, seed: UInt64) -> [Double] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in Double((0..<4).reduce(Float(-2)) { sum, _ in sum + random.nextUnitFloat() }) }
  }

  static func weights(_ rowCount: Int, _ columnCount: Int, seed: UInt64 = 1) -> Matrix {
    Matrix(rowCount: rowCount, columnCount: columnCount, elements: normals(rowCount * columnCount, seed: seed))
  }

  /// The Gram matrix of `tokenCount` inputs whose energy falls off from one direction to the next.
  static func gram(_ width: Int, tokenCount: Int = 200, directionCount: Int? = nil, seed: UInt64 = 2) -> Gram {
    let count = directionCount ?? width
    let directions = weights(count, width, seed: seed)
    let sources = weights(tokenCount, count, seed: seed + 1).scalingColumns(by: (0..<count).map { 3 / Double(1 + $0) })
    let x = Matrix.product(sources, directions)
    return Gram(Matrix.product(x, x, transposingA: true), tokenCount: tokenCount)
  }
}

/// Inputs that depend on a parameter's place in the graph only, as if they never changed.
final class FakeCalibration: SweepCalibration {
  let graph: ModelGraph
  private(set) var restartCount = 0

  init(_ graph: ModelGraph) { self.graph = graph }

  func restart(on model: Model) { restartCount += 1 }

  func inputs(
    of block: Block, in model: Model, need: CalibrationNeed, parameters: [String]
  ) -> any BlockInputs { Inputs(graph: graph) }

  func blockInfluence(of block: Block, in model: Model) -> Double { 0 }

  func mixtureUses(in block: Block, of model: Model) -> [MixtureUse] { [] }

  func gateSamples(in block: Block, of model: Model) -> [GateSample] { [] }

  func expertErrors(in block: Block, of candidate: Model, from model: Model) -> [[Double]] { [] }

  func advance(through block: Block, in model: Model) {}

  struct Inputs: BlockInputs {
    let graph: ModelGraph

    func tokenCount(ofInputsTo parameter: String) -> Int { 200 }

    func meanSquares(ofInputsTo parameter: String) -> [Float] { gram(ofInputsTo: parameter).meanSquares }

    func gram(ofInputsTo parameter: String) -> Gram {
      let index = graph.parameters.firstIndex { $0.name == parameter } ?? 0
      return FactorizeProblem.gram(graph.parameters[index].dimensions[1], seed: UInt64(100 + index))
    }
  }
}

/// As if the output were the weights themselves, those of some parameters much larger than others.
final class FakeEvaluation: CandidateEvaluation {
  let factors: [String: Float]
  private(set) var measured: [String] = []

  init(factors: [String: Float]) { self.factors = factors }

  func accuracy(of candidate: Model) -> CandidateAccuracy {
    CandidateAccuracy(
      perplexityRatio: 1, perplexityRatioError: 0, divergence: 0, divergenceError: 0, agreement: 1, agreementError: 0,
      tokenCount: 1)
  }

  func outputChange(of candidate: Model, from reference: Model, firstChangedBlock block: Int) -> [Float] {
    for (index, owned) in reference.graph.parametersByLastUse().enumerated() {
      for parameter in owned where candidate.bytes(parameter.name) != reference.bytes(parameter.name) {
        precondition(index == block)
        measured.append(parameter.name)
        let factor = factors[parameter.name] ?? 1
        return zip(candidate.weights(parameter.name), reference.weights(parameter.name)).map { factor * ($0 - $1) }
      }
    }
    return []
  }
}
