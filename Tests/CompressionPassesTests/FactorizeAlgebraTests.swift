@testable import CompressionPasses
import LinearAlgebra
import TensorCore
import Testing

@Suite struct FactorizeAlgebraTests {
  private static let shapes = [(24, 40), (40, 24), (32, 32), (5, 60), (60, 5)]

  private func product(_ factors: (u: Matrix, v: Matrix)) -> Matrix { Matrix.product(factors.u, factors.v) }

  @Test(arguments: shapes)
  func whatIsLostIsTheTailOfTheWhitenedSingularValues(rowCount: Int, columnCount: Int) throws {
    let weights = FactorizeProblem.weights(rowCount, columnCount)
    let metric = InputMetric(whitening: FactorizeProblem.gram(columnCount))
    guard case .full(let matrix) = metric else {
      Issue.record("no metric")
      return
    }
    let lower = try #require(matrix.choleskyLower())
    let squares = try #require(SingularValues(of: Matrix.product(weights, lower))).values.map { $0 * $0 }
    let factorization = try #require(LowRankFactorization(of: weights, metric: metric))
    let plain = try #require(LowRankFactorization(of: weights, metric: .plain))
    let whole = squares.reduce(0, +)
    #expect(factorization.energies.count == squares.count)
    #expect(zip(factorization.energies, squares).allSatisfy { abs($0 - $1) < 1e-9 * whole })
    for rank in [1, 3, 5] + (min(rowCount, columnCount) > 16 ? [8, 16] : []) {
      let lost = metric.energy(of: weights - product(factorization.factors(rank: rank)))
      #expect(abs(lost - squares.dropFirst(rank).reduce(0, +)) < 1e-9 * whole)
      guard rank < squares.count else { continue }
      #expect(lost < metric.energy(of: weights - product(plain.factors(rank: rank))))
      for seed in 10..<15 as Range<UInt64> {
        // The best V for a random U of the same rank.
        let u = FactorizeProblem.weights(rowCount, rank, seed: seed)
        let eigen = try #require(SymmetricEigen(of: Matrix.product(u, u, transposingA: true)))
        let inverse = Matrix.product(
          eigen.vectors, eigen.vectors.scalingRows(by: eigen.values.map { 1 / $0 }), transposingA: true)
        let v = Matrix.product(inverse, Matrix.product(u, weights, transposingA: true))
        #expect(lost < metric.energy(of: weights - Matrix.product(u, v)))
      }
    }
  }

  @Test(arguments: shapes)
  func plainAndScaledAreThoseOfTheSingularValueDecomposition(rowCount: Int, columnCount: Int) throws {
    let weights = FactorizeProblem.weights(rowCount, columnCount)
    let means = FactorizeProblem.gram(columnCount).meanSquares
    let roots = means.map { Double($0).squareRoot().squareRoot() }
    for (metric, scaled) in [
      (InputMetric.plain, weights), (InputMetric(activations: means), weights.scalingColumns(by: roots)),
    ] {
      let svd = try #require(SingularValues(of: scaled))
      let factorization = try #require(LowRankFactorization(of: weights, metric: metric))
      for rank in [1, 4] {
        let expected = Matrix.product(
          svd.u.prefix(columns: rank).scalingColumns(by: Array(svd.values[..<rank])),
          svd.vTransposed.prefix(rows: rank))
        var found = product(factorization.factors(rank: rank))
        if case .scaled = metric { found = found.scalingColumns(by: roots) }
        #expect((found - expected).elements.allSatisfy { abs($0) < 1e-6 })
      }
    }
  }

  @Test(arguments: shapes)
  func inputsThatSpanFewDirectionsNeedNoHigherRank(rowCount: Int, columnCount: Int) throws {
    let gram = FactorizeProblem.gram(columnCount, directionCount: 3)
    let weights = FactorizeProblem.weights(rowCount, columnCount)
    let factorization = try #require(LowRankFactorization(of: weights, metric: InputMetric(whitening: gram)))
    let (u, v) = factorization.factors(rank: 3)
    #expect((u.elements + v.elements).allSatisfy { $0.isFinite })
    let undamped = InputMetric.full(gram.matrix)
    #expect(undamped.energy(of: weights - Matrix.product(u, v)) < 1e-3 * undamped.energy(of: weights))
  }

  @Test func bothRootsOfAMetricGiveTheSameFactors() throws {
    guard case .full(let matrix) = InputMetric(whitening: FactorizeProblem.gram(12)) else { return }
    let weights = FactorizeProblem.weights(7, 12)
    let lower = InputMetric.Root.lower(try #require(matrix.choleskyLower()))
    let eigen = InputMetric.Root.eigen(try #require(SymmetricEigen(of: matrix)))
    for root in [lower, eigen] {
      let image = root.applied(to: weights)
      let energy = image.elements.reduce(0) { $0 + $1 * $1 }
      #expect(abs(energy - InputMetric.full(matrix).energy(of: weights)) < 1e-9 * energy)
      #expect((root.removed(from: image) - weights).elements.allSatisfy { abs($0) < 1e-8 })
    }
  }

  @Test func degenerateMatrices() throws {
    // No tokens: all weights count the same.
    for metric in [InputMetric(whitening: Gram(width: 8)), InputMetric(activations: [0, 0, 0])] {
      guard case .plain = metric else {
        Issue.record("a metric of nothing")
        continue
      }
    }
    for (rows, columns) in [(6, 9), (9, 6)] {
      let metric = InputMetric(whitening: FactorizeProblem.gram(columns))
      let zero = try #require(LowRankFactorization(of: Matrix(rowCount: rows, columnCount: columns), metric: metric))
      #expect(product(zero.factors(rank: 2)).elements.allSatisfy { $0 == 0 })
      let one = Matrix.product(FactorizeProblem.weights(rows, 1), FactorizeProblem.weights(1, columns))
      let factorization = try #require(LowRankFactorization(of: one, metric: metric))
      #expect((product(factorization.factors(rank: 4)) - one).elements.allSatisfy { abs($0) < 1e-6 })
      // A rank past the smaller side is filled up with zeros.
      let padded = factorization.factors(rank: 8)
      #expect(padded.u.columnCount == 8 && (product(padded) - one).elements.allSatisfy { abs($0) < 1e-6 })
    }
    var broken = FactorizeProblem.weights(4, 4)
    broken[1, 2] = .nan
    #expect(LowRankFactorization(of: broken, metric: .plain) == nil)
  }

  @Test func ranksStayBelowBreakEven() {
    for (shape, ranks) in [
      (MatrixShape(outputCount: 64, inputCount: 64), [4, 8, 12, 16, 20, 24, 28]),
      (MatrixShape(outputCount: 256, inputCount: 768), Array(stride(from: 8, through: 184, by: 8))),
      (MatrixShape(outputCount: 256, inputCount: 256), Array(stride(from: 8, through: 120, by: 8))),
      (MatrixShape(outputCount: 8, inputCount: 8), [1, 2, 3]), (MatrixShape(outputCount: 1, inputCount: 100), []),
      (MatrixShape(outputCount: 2, inputCount: 2), []),
    ] {
      #expect(RankTable.ranks(of: shape) == ranks)
    }
  }

  /// Every combination of options tried.
  private func bestLoss(_ tables: [RankTable], parameterCount: Int) -> Double {
    guard let table = tables.first else { return 0 }
    return table.options.filter { $0.parameterCount <= parameterCount }.map {
      $0.loss + bestLoss(Array(tables.dropFirst()), parameterCount: parameterCount - $0.parameterCount)
    }.min() ?? .infinity
  }

  @Test(arguments: [0.4, 0.5, 0.6, 0.75, 0.9, 1.0])
  func choicesAreWithinAStepOfTheBestThereAre(share: Double) throws {
    let shapes = [(64, 64), (64, 32), (32, 64), (64, 64)].map { MatrixShape(outputCount: $0, inputCount: $1) }
    let tables = shapes.enumerated().map { index, shape in
      RankTable(
        shape, energies: (0..<min(shape.outputCount, shape.inputCount)).map { 1 / Double(1 + $0 * (index + 1)) },
        importance: [1, 3, 0.2, 1][index])
    }
    let limit = Int(share * Double(shapes.reduce(0) { $0 + $1.elementCount }))
    let chosen = try #require(RankTable.choices(tables, parameterCount: limit))
    #expect(chosen.reduce(0) { $0 + $1.parameterCount } <= limit)
    let loss = chosen.reduce(0) { $0 + $1.loss }, best = bestLoss(tables, parameterCount: limit)
    #expect(loss >= best - 1e-12 && loss <= 1.25 * best + 1e-12, "\(loss) \(best)")
    #expect(RankTable.choices(tables, parameterCount: 500) == nil)
  }
}
