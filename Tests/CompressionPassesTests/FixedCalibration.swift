import LinearAlgebra
import ModelGraph
import ModelIR
import PassKit

/// A calibration that runs nothing: every input is white noise, and influences are as stated. Of mixtures it says
/// nothing; that is for those that inherit.
class FixedCalibration: SweepCalibration {
  struct Inputs: BlockInputs {
    let graph: ModelGraph

    private func width(_ parameter: String) -> Int { graph.parameter(named: parameter)?.dimensions.last ?? 0 }

    func tokenCount(ofInputsTo parameter: String) -> Int { 100 }

    func meanSquares(ofInputsTo parameter: String) -> [Float] { [Float](repeating: 1, count: width(parameter)) }

    func gram(ofInputsTo parameter: String) -> Gram {
      var matrix = Matrix(rowCount: width(parameter), columnCount: width(parameter))
      for index in 0..<matrix.rowCount { matrix[index, index] = 100 }
      return Gram(matrix, tokenCount: 100)
    }
  }

  let taskNames: [String]
  private let influences: [String: Double]
  /// Blocks in the order in which the states went through them.
  private(set) var visited: [String] = []

  init(influences: [String: Double] = [:], taskNames: [String] = []) {
    self.influences = influences
    self.taskNames = taskNames
  }

  func restart(on model: Model) { visited = [] }

  func inputs(of block: Block, in model: Model, need: CalibrationNeed, parameters: [String]) -> any BlockInputs {
    Inputs(graph: model.graph)
  }

  func blockInfluence(of block: Block, in model: Model) -> Double { influences[block.name] ?? 1 }

  func mixtureUses(in block: Block, of model: Model) -> [MixtureUse] { [] }

  func gateSamples(in block: Block, of model: Model) -> [GateSample] { [] }

  func expertErrors(in block: Block, of candidate: Model, from model: Model) -> [[Double]] { [] }

  func advance(through block: Block, in model: Model) { visited.append(block.name) }
}
