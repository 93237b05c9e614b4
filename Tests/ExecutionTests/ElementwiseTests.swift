import Execution
import Foundation
import ModelGraph
import Testing

@Suite struct ElementwiseTests {
  @Test(arguments: ActivationFunction.allCases)
  func activations(function: ActivationFunction) throws {
    let program = try SmallProgram(width: 19, tokenCount: 40) { x, writer, _ in
      writer.add(Activation(input: x, function: function))
    }
    let expected = program.embedded(width: 19).map { Float(function.exact(Double($0))) }
    #expect(largestDifference(try program.rows(), expected) < 2e-6)
  }

  /// The input must survive, because it is read again afterwards.
  @Test func anOperandReadAgainIsNotOverwritten() throws {
    let program = try SmallProgram(width: 19, tokenCount: 40) { x, writer, _ in
      let active = writer.add(Activation(input: x, function: .relu))
      let clamped = writer.add(Clamp(input: x, limit: 0.5))
      let product = writer.add(Multiply(left: x, right: clamped))
      let sum = writer.add(Add(left: active, right: product))
      return writer.add(Add(left: x, right: sum))
    }
    let expected = program.embedded(width: 19).map { x in x + max(0, x) + x * max(-0.5, min(0.5, x)) }
    #expect(largestDifference(try program.rows(), expected) < 2e-6)
  }

  @Test func aValueCombinesWithItself() throws {
    let program = try SmallProgram(width: 19, tokenCount: 40) { x, writer, _ in
      let square = writer.add(Multiply(left: x, right: x))
      return writer.add(Add(left: square, right: square))
    }
    let expected = program.embedded(width: 19).map { 2 * $0 * $0 }
    #expect(largestDifference(try program.rows(), expected) < 2e-6)
  }

  /// Rows long enough to be cut into pieces for several threads.
  @Test func piecesCoverEveryElement() throws {
    let width = 1_000
    let program = try SmallProgram(width: width, tokenCount: 100, threadCount: 3) { x, writer, operators in
      operators.vectors["norm"] = (0..<250).map { Float($0) / 100 }
      let norm = writer.add(RMSNorm(input: x, weight: "norm", span: 250, epsilon: 0.1))
      return writer.add(Add(left: norm, right: writer.add(Clamp(input: x, limit: 0.25))))
    }
    let x = program.embedded(width: width)
    let expected = stride(from: 0, to: x.count, by: 250).flatMap { start in
      let part = x[start..<start + 250]
      let mean = part.reduce(0.0) { $0 + Double($1) * Double($1) } / 250
      return part.indices.map { index in
        Float(Double(x[index]) / (mean + 0.1).squareRoot() * Double(index - start) / 100)
          + max(-0.25, min(0.25, x[index]))
      }
    }
    #expect(largestDifference(try program.rows(), expected) < 1e-5)
  }

  @Test func biasIsAddedToEveryToken() throws {
    var weight: [Float] = []
    let bias: [Float] = [1, -2, 3, -4, 5]
    let program = try SmallProgram(width: 19, outputWidth: 5, tokenCount: 40, chunkTokenCount: 16) {
      x, writer, operators in
      weight = operators.randomize("w", outputCount: 5, inputCount: 19, seed: 2)
      operators.vectors["b"] = bias
      return writer.add(Linear(input: x, weight: "w", bias: "b", outputCount: 5))
    }
    let expected = product(program.embedded(width: 19), weight, outputCount: 5, inputCount: 19)
      .enumerated().map { $1 + bias[$0 % 5] }
    #expect(largestDifference(try program.rows(), expected) < 1e-5)
  }
}

extension ActivationFunction {
  /// The function as it is defined, in double precision.
  func exact(_ x: Double) -> Double {
    switch self {
    case .silu: x / (1 + exp(-x))
    case .gelu: x * (1 + erf(x / 2.0.squareRoot())) / 2
    case .geluTanh: x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x))) / 2
    case .relu: max(0, x)
    }
  }
}
