import Encodings
import LinearAlgebra
import ModelGraph
import ModelIR
import PassKit
import TensorCore

/// Weights and inputs drawn from a seed.
enum RandomInputs {
  static func normal(_ random: inout SplitMix64) -> Float {
    (0..<6).reduce(Float(-3)) { sum, _ in sum + random.nextUnitFloat() } * 1.41
  }

  /// Roughly normal, every 97th some four times as large.
  static func weights(_ shape: MatrixShape, seed: UInt64) -> [Float] {
    var random = SplitMix64(seed: seed)
    return (0..<shape.elementCount).map { normal(&random) * ($0 % 97 == 3 ? 0.15 : 0.04) }
  }

  /// Inputs that a quarter as many sources mostly explain, of different sizes.
  static func gram(width: Int, tokenCount: Int, seed: UInt64) -> Gram {
    var random = SplitMix64(seed: seed)
    let sourceCount = max(1, width / 4)
    let mix = Matrix(
      rowCount: sourceCount, columnCount: width,
      elements: (0..<sourceCount * width).map { _ in Double(normal(&random)) / Double(sourceCount).squareRoot() })
    let sources = Matrix(
      rowCount: tokenCount, columnCount: sourceCount,
      elements: (0..<tokenCount * sourceCount).map {
        Double(normal(&random)) * 8 / Double(1 + $0 % sourceCount).squareRoot()
      })
    var inputs = Matrix.product(sources, mix)
    let sizes = (0..<width).map { _ in
      let unit = Double(random.nextUnitFloat())
      return 0.5 + 4 * unit * unit * unit
    }
    for index in inputs.elements.indices {
      inputs.elements[index] = (inputs.elements[index] + 0.3 * Double(normal(&random))) * sizes[index % width]
    }
    return Gram(Matrix.product(inputs, inputs, transposingA: true), tokenCount: tokenCount)
  }

  /// The unit matrix.
  static func evenGram(width: Int) -> Gram {
    var matrix = Matrix(rowCount: width, columnCount: width)
    for index in 0..<width { matrix[index, index] = 1 }
    return Gram(matrix, tokenCount: 1)
  }
}

/// A sweep in which every matrix has random inputs of its own; experts named in `starved` have none.
final class RandomCalibration: SweepCalibration {
  let starved: Set<String>
  private let tokenCount: Int
  private(set) var needs: [CalibrationNeed] = []

  init(tokenCount: Int = 256, starved: Set<String> = []) {
    self.tokenCount = tokenCount
    self.starved = starved
  }

  func restart(on model: Model) {}

  func inputs(
    of block: Block, in model: Model, need: CalibrationNeed, parameters: [String]
  ) -> any BlockInputs {
    needs.append(need)
    return Inputs(model: model, tokenCount: tokenCount, starved: starved)
  }

  func blockInfluence(of block: Block, in model: Model) -> Double { 0 }

  func mixtureUses(in block: Block, of model: Model) -> [MixtureUse] { [] }

  func gateSamples(in block: Block, of model: Model) -> [GateSample] { [] }

  func expertErrors(in block: Block, of candidate: Model, from model: Model) -> [[Double]] { [] }

  func advance(through block: Block, in model: Model) {}

  struct Inputs: BlockInputs {
    let model: Model
    let tokenCount: Int
    let starved: Set<String>

    func tokenCount(ofInputsTo parameter: String) -> Int { starved.contains(parameter) ? 0 : tokenCount }

    func meanSquares(ofInputsTo parameter: String) -> [Float] { gram(ofInputsTo: parameter).meanSquares }

    func gram(ofInputsTo parameter: String) -> Gram {
      let width = model.graph.parameter(named: parameter)?.dimensions.last ?? 0
      if starved.contains(parameter) { return Gram(width: width) }
      return RandomInputs.gram(width: width, tokenCount: tokenCount, seed: UInt64(width))
    }
  }
}

/// tr(E·G·Eᵀ) / tokenCount, by plain double products.
func outputError(_ old: [Float], _ new: [Float], _ shape: MatrixShape, _ gram: Gram) -> Double {
  let error = Matrix(
    rowCount: shape.outputCount, columnCount: shape.inputCount, elements: zip(old, new).map { Double($1) - Double($0) })
  let product = Matrix.product(error, gram.matrix)
  return zip(error.elements, product.elements).reduce(0) { $0 + $1.0 * $1.1 } / Double(gram.tokenCount)
}
