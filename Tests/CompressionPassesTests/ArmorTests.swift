@testable import CompressionPasses
import Encodings
import LinearAlgebra
import Parallelism
import TensorCore
import Testing

@Suite struct ArmorTests {
  private static let shape = MatrixShape(outputCount: 64, inputCount: 96)

  /// Inputs that are mixtures of a few directions, and weights that share rows: both are what wrappers can use.
  private static func problem(seed: UInt64 = 1) -> (weights: [Float], gram: Gram) {
    var random = SplitMix64(seed: seed)
    func normal() -> Float { (0..<4).reduce(Float(-2)) { sum, _ in sum + random.nextUnitFloat() } }
    let (rows, width, tokens, rank) = (shape.outputCount, shape.inputCount, 400, 12)
    let mixing = (0..<rank * width).map { _ in normal() }
    var x = [Double]()
    for _ in 0..<tokens {
      let source = (0..<rank).map { _ in normal() }
      for column in 0..<width {
        let mixed = (0..<rank).reduce(Float(0)) { $0 + source[$1] * mixing[$1 * width + column] }
        x.append(Double(mixed + 0.5 * normal()))
      }
    }
    let inputs = Matrix(rowCount: tokens, columnCount: width, elements: x)
    let gram = Gram(Matrix.product(inputs, inputs, transposingA: true), tokenCount: tokens)
    return ((0..<rows * width).map { _ in 0.05 * normal() }, gram)
  }

  private func fit(
    _ weights: [Float], _ gram: Gram, _ pattern: SparsePattern = SparsePattern(kept: 2, group: 4), block: Int = 16,
    iterations: Int = 8, threads: Int = 1
  ) -> ArmorResult {
    Armor.sparsify(
      weights, shape: Self.shape, gram: gram, pattern: pattern,
      options: .init(blockElementCount: block, iterationCount: iterations), pool: WorkerPool(threadCount: threads))
  }

  /// Both losses relative to what the weights themselves put out.
  @Test func lessIsLostThanBySparseGPT() throws {
    let (weights, gram) = Self.problem(), pattern = SparsePattern(kept: 2, group: 4)
    let sparse = try MatrixEncoder(method: .gptq).encode(
      weights, shape: Self.shape, to: .sparse(pattern, values: .dense(.f32)), inputs: .gram(gram),
      pool: WorkerPool(threadCount: 1))
    let nothing = [Float](repeating: 0, count: weights.count)
    let relative = sparse.outputError / outputError(nothing, weights, Self.shape, gram)
    #expect(relative > 0 && fit(weights, gram).lossAfter < relative)
  }

  /// A·C·B by plain loops.
  private func product(_ result: ArmorResult, _ pattern: SparsePattern, block: Int) -> Matrix {
    let (rows, width) = (Self.shape.outputCount, Self.shape.inputCount)
    var a = Matrix(rowCount: rows, columnCount: rows), b = Matrix(rowCount: width, columnCount: width)
    for row in 0..<rows {
      for k in 0..<block { a[row, row / block * block + k] = Double(result.outputBlocks[row * block + k]) }
    }
    for row in 0..<width {
      for k in 0..<block { b[row, row / block * block + k] = Double(result.inputBlocks[row * block + k]) }
    }
    var core = Matrix(rowCount: rows, columnCount: width)
    var next = 0
    for (index, mask) in result.masks.enumerated() {
      let groups = width / pattern.group
      for place in 0..<pattern.group where mask >> UInt16(place) & 1 == 1 {
        core[index / groups, index % groups * pattern.group + place] = Double(result.keptValues[next])
        next += 1
      }
    }
    return Matrix.product(Matrix.product(a, core), b)
  }

  /// tr(E·G·Eᵀ) / tr(W·G·Wᵀ) with G damped as Armor damps it.
  private func loss(_ approximation: Matrix, _ weights: [Float], _ gram: Gram) -> Double {
    var metric = gram.matrix
    let mean = (0..<gram.width).reduce(0) { $0 + gram.matrix[$1, $1] } / Double(gram.width)
    for index in 0..<gram.width { metric[index, index] += 0.01 * mean }
    func energy(_ x: Matrix) -> Double {
      zip(Matrix.product(x, metric).elements, x.elements).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let whole = Matrix(rowCount: Self.shape.outputCount, columnCount: Self.shape.inputCount, floats: weights)
    return energy(whole - approximation) / energy(whole)
  }

  @Test(arguments: [(2, 4, 16), (2, 4, 32), (1, 4, 8), (4, 8, 16), (2, 3, 16), (1, 2, 4)])
  func theLossIsWhatTheFactorsGive(kept: Int, group: Int, block: Int) {
    let (weights, gram) = Self.problem()
    let pattern = SparsePattern(kept: kept, group: group)
    let result = fit(weights, gram, pattern, block: block)
    #expect(result.outputBlocks.count == 64 * block && result.inputBlocks.count == 96 * block)
    #expect(result.masks.count == 64 * 96 / group && result.masks.allSatisfy { $0.nonzeroBitCount == kept })
    #expect(result.keptValues.count == 64 * 96 / group * kept)
    let measured = loss(product(result, pattern, block: block), weights, gram)
    #expect(abs(measured - result.lossAfter) < 2e-3 * measured + 1e-6, "\(measured) \(result.lossAfter)")
    #expect(result.lossAfter < 0.5 * result.lossBefore, "\(result.lossAfter) of \(result.lossBefore)")
  }

  @Test func theStartKeepsTheLargestWeightedSquares() {
    let (weights, gram) = Self.problem()
    let result = fit(weights, gram, iterations: 0)
    #expect(result.lossBefore == result.lossAfter)
    let mean = (0..<96).reduce(0) { $0 + gram.matrix[$1, $1] } / 96
    var kept: [Float] = []
    for first in stride(from: 0, to: weights.count, by: 4) {
      let scores = (0..<4).map {
        let column = (first + $0) % 96
        return Double(weights[first + $0] * weights[first + $0]) * (gram.matrix[column, column] + 0.01 * mean)
      }
      let best = (0..<4).sorted { scores[$0] > scores[$1] }.prefix(2).sorted()
      kept += best.map { weights[first + $0] }
    }
    #expect(result.keptValues == kept)
  }

  @Test func noRoundRaisesTheLoss() {
    let (weights, gram) = Self.problem(seed: 3)
    let losses = (0...6).map { fit(weights, gram, iterations: $0).lossAfter }
    #expect(zip(losses, losses.dropFirst()).allSatisfy { $1 <= $0 }, "\(losses)")
    #expect(zip(losses[..<4], losses[1...]).allSatisfy { $1 < 0.99 * $0 } && losses[6] < 0.5 * losses[0], "\(losses)")
  }

  @Test func neverAboveItsStart() {
    // White inputs, inputs that never were anything but zero, a matrix of zeros, and no tokens at all.
    var (weights, gram) = Self.problem()
    var unit = Matrix(rowCount: 96, columnCount: 96)
    for index in 0..<96 { unit[index, index] = 1 }
    var dead = gram.matrix
    for index in 0..<96 {
      for column in 0..<32 { (dead[index, column], dead[column, index]) = (0, 0) }
    }
    var rankOne = Matrix(rowCount: 96, columnCount: 96)
    for index in rankOne.elements.indices { rankOne.elements[index] = 1 }
    for matrix in [unit, dead, rankOne] {
      let result = fit(weights, Gram(matrix, tokenCount: 10))
      #expect(result.lossAfter < result.lossBefore && result.lossAfter.isFinite)
      #expect((result.keptValues + result.outputBlocks + result.inputBlocks).allSatisfy { $0.isFinite })
    }
    #expect(fit(weights, Gram(width: 96)).lossAfter < 0.25)
    for index in weights.indices where index / 96 < 20 { weights[index] = 0 }
    #expect(fit(weights, gram).lossAfter < fit(weights, gram).lossBefore)
    weights = weights.map { _ in 0 }
    let zero = fit(weights, gram)
    #expect(zero.lossAfter == 0 && zero.keptValues.allSatisfy { $0 == 0 })
  }

  @Test func threadsDoNotChangeTheResult() {
    let (weights, gram) = Self.problem(seed: 5)
    let alone = fit(weights, gram, threads: 1), together = fit(weights, gram, threads: 3)
    #expect(alone.keptValues == together.keptValues && alone.masks == together.masks)
    #expect(alone.outputBlocks == together.outputBlocks && alone.inputBlocks == together.inputBlocks)
    #expect(alone.lossAfter == together.lossAfter)
  }

  @Test func patternsWithTooManySetsAreRefused() {
    #expect(Armor.accepts(SparsePattern(kept: 4, group: 8)) && Armor.accepts(SparsePattern(kept: 1, group: 16)))
    #expect(!Armor.accepts(SparsePattern(kept: 8, group: 16)) && !Armor.accepts(SparsePattern(kept: 4, group: 9)))
  }
}
