import DecodeKernels
import Execution
import ModelGraph
import Parallelism
import TensorCore

/// A graph of an embedding, two residual layers and a head, with seeded weights that a test may change.
struct SmallModel: OperatorSource {
  static let vocabularyCount = 24
  static let width = 8
  static let pool = WorkerPool(threadCount: 2)

  var weights: [String: [Float]] = [:]
  private let layers: [String]

  init(layers: [String] = ["layers.0", "layers.1"]) {
    self.layers = layers
    for (index, name) in ["embedding", "layers.0.mix", "layers.1.mix", "head"].enumerated() {
      var generator = SplitMix64(seed: UInt64(index))
      let rows = name.hasSuffix("mix") ? Self.width : Self.vocabularyCount
      weights[name] = (0..<rows * Self.width).map { _ in (generator.nextUnitFloat() - 0.5) * 2 }
    }
  }

  /// The same model with every weight moved by up to `reach`.
  func disturbed(by reach: Float) -> SmallModel {
    var result = self
    for (index, name) in weights.keys.sorted().enumerated() {
      var generator = SplitMix64(seed: 100 + UInt64(index))
      result.weights[name] = weights[name]?.map { $0 + (generator.nextUnitFloat() - 0.5) * 2 * reach }
    }
    return result
  }

  func executor() throws -> Executor {
    var lines = [
      "graph small vocabulary=\(Self.vocabularyCount) context=64", "input %0 : ids[n]",
      "parameter @embedding embedding [\(Self.vocabularyCount), \(Self.width)]",
    ]
    lines += layers.map { "parameter @\($0).mix mlp [\(Self.width), \(Self.width)]" }
    lines += [
      "parameter @head head [\(Self.vocabularyCount), \(Self.width)]", "block embedding",
      "  %1 = embed %0 table=@embedding width=\(Self.width) : [n, \(Self.width)]",
    ]
    var value = 1
    for layer in layers {
      lines += [
        "block \(layer)",
        "  %\(value + 1) = linear %\(value) weight=@\(layer).mix outputs=\(Self.width) : [n, \(Self.width)]",
        "  %\(value + 2) = add %\(value) %\(value + 1) : [n, \(Self.width)]",
      ]
      value += 2
    }
    lines += [
      "block head",
      "  %\(value + 1) = head %\(value) weight=@head vocabulary=\(Self.vocabularyCount) : [n, \(Self.vocabularyCount)]",
      "",
    ]
    return try Executor(
      graph: ModelGraph(parsing: lines.joined(separator: "\n")), operators: self,
      context: KernelContext(instructionSet: .scalar, pool: Self.pool))
  }

  func linear(_ name: String) throws -> any LinearOperator {
    PlainMatrix(elements: weights[name] ?? [], inputCount: Self.width)
  }

  func vector(_ name: String) throws -> [Float] { weights[name] ?? [] }
}

/// A matrix that multiplies by the definition.
private struct PlainMatrix: LinearOperator {
  let elements: [Float]
  let inputCount: Int

  var shape: MatrixShape { MatrixShape(outputCount: elements.count / inputCount, inputCount: inputCount) }

  func apply(_ x: Span<Float>, tokenCount: Int, into y: inout MutableSpan<Float>) {
    for token in 0..<tokenCount {
      for output in 0..<shape.outputCount {
        var sum: Float = 0
        for input in 0..<inputCount { sum += x[token * inputCount + input] * elements[output * inputCount + input] }
        y[token * shape.outputCount + output] = sum
      }
    }
  }

  func decodeRow(_ index: Int, into row: inout MutableSpan<Float>) {
    for input in 0..<inputCount { row[input] = elements[index * inputCount + input] }
  }
}
