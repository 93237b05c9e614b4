import Encodings
import LinearAlgebra
import Parallelism
import TensorCore

/// The search for A, C and B. A tile is the rows of one block of A; what belongs to one lies together, and tiles are
/// shared out over the pool.
struct ArmorFit {
  private let width: Int
  private let block: Int
  private let tileCount: Int
  private let pattern: SparsePattern
  private let pool: WorkerPool
  /// G, (width, width).
  private let metric: [Float]
  /// The inverse of each block of G on its diagonal.
  private let inverseMetrics: [Matrix?]
  /// Wᵀ of each tile, (tiles, width, block).
  private let weights: [Float]
  private var factors: Factors

  private struct Factors {
    /// (outputCount, block)
    var a: [Float]
    /// (outputCount, width), zero where not kept.
    var core: [Float]
    /// (outputCount, groups)
    var masks: [UInt16]
    /// (width, block)
    var b: [Float]
  }

  /// What is left of a tile.
  private struct Residual {
    /// A·C, (block, width), and its transpose.
    let product: [Float]
    let productTransposed: [Float]
    /// G·Eᵀ, (width, block).
    let slope: [Float]
    /// tr(E·G·Eᵀ)
    let loss: Double
  }

  init(
    _ weights: [Float], shape: MatrixShape, metric: [Float], block: Int, pattern: SparsePattern, pool: WorkerPool
  ) {
    width = shape.inputCount
    self.block = block
    self.pattern = pattern
    self.pool = pool
    self.metric = metric
    let tileLength = block * shape.inputCount
    tileCount = shape.outputCount / block
    self.weights = stride(from: 0, to: weights.count, by: tileLength).flatMap {
      ArmorBlocks.transposed(Array(weights[$0..<$0 + tileLength]), rowCount: block)
    }
    let width = shape.inputCount
    inverseMetrics = stride(from: 0, to: width, by: block).map { first in
      let elements = (0..<block * block).map { metric[(first + $0 / block) * width + first + $0 % block] }
      return ArmorBlocks.inverse(elements, count: block)
    }
    let diagonal = (0..<width).map { metric[$0 * width + $0] }
    var places = KeptPlaces(choosing: pattern, width: width, laneCount: shape.outputCount)
    let columns = ArmorBlocks.transposed(weights, rowCount: shape.outputCount)
    for group in 0..<width / pattern.group {
      let range = group * pattern.group..<(group + 1) * pattern.group
      places.choose(
        group,
        by: columns.span.extracting(range.lowerBound * shape.outputCount..<range.upperBound * shape.outputCount),
        importance: diagonal.span.extracting(range))
    }
    var core = weights
    for row in 0..<shape.outputCount {
      for column in 0..<width where !places.keeps(column, lane: row) { core[row * width + column] = 0 }
    }
    factors = Factors(
      a: ArmorBlocks.unit(rowCount: shape.outputCount, block: block), core: core,
      masks: places.rows(shape.outputCount), b: ArmorBlocks.unit(rowCount: width, block: block))
  }

  /// Improves the factors as long as it is worth it.
  consuming func run(iterationCount: Int) -> ArmorResult {
    let whole = wholeLoss
    var best = factors, bestLoss = Double.infinity, firstLoss = 0.0
    for iteration in 0...iterationCount {
      let residuals = residuals()
      let loss = residuals.reduce(0) { $0 + $1.loss }
      if iteration == 0 { firstLoss = loss }
      // Also false for a loss that is no number.
      guard loss < bestLoss else { break }
      let isDone = iteration == iterationCount || loss > 0.999 * bestLoss
      (best, bestLoss) = (factors, loss)
      if isDone { break }
      improveCore(residuals)
      improveOutputBlocks()
      improveInputBlocks()
    }
    return result(best, before: firstLoss / whole, after: bestLoss / whole)
  }

  private func tile(_ index: Int, of elements: [Float]) -> [Float] {
    let length = elements.count / tileCount
    return Array(elements[index * length..<(index + 1) * length])
  }

  private func map<Value: Sendable>(_ body: @Sendable (Int) -> Value) -> [Value] {
    // The body does not throw, so neither does the pool.
    (try? pool.map(tileCount, body)) ?? []
  }

  /// tr(W·G·Wᵀ), 1 for a matrix of zeros.
  private var wholeLoss: Double {
    let loss = map { index in
      let weights = tile(index, of: weights)
      return Self.dot(weights, multipliedByMetric(weights))
    }.reduce(0, +)
    return loss > 0 ? loss : 1
  }

  /// G·x for x (width, block).
  private func multipliedByMetric(_ x: [Float]) -> [Float] {
    ArmorBlocks.product(
      transposing: metric.span, width, x.span, block, rowCount: width, columnCount: block, inner: width)
  }

  private func residuals() -> [Residual] {
    map { index in
      let core = tile(index, of: factors.core)
      let turned = ArmorBlocks.transposed(tile(index, of: factors.a), rowCount: block)
      let product = ArmorBlocks.product(
        transposing: turned.span, block, core.span, width, rowCount: block, columnCount: width, inner: block)
      let productTransposed = ArmorBlocks.transposed(product, rowCount: block)
      var error = tile(index, of: weights)
      let approximation = ArmorBlocks.product(
        transposing: factors.b, block: block, productTransposed, columnCount: block)
      for place in error.indices { error[place] -= approximation[place] }
      let slope = multipliedByMetric(error)
      return Residual(
        product: product, productTransposed: productTransposed, slope: slope, loss: Self.dot(error, slope))
    }
  }

  /// C by a sweep over its groups.
  private mutating func improveCore(_ residuals: [Residual]) {
    let turned = ArmorBlocks.transposingBlocks(factors.b, block: block)
    let half = ArmorBlocks.product(transposing: turned, block: block, metric, columnCount: width)
    let seen = ArmorBlocks.product(
      transposing: turned, block: block, ArmorBlocks.transposed(half, rowCount: width), columnCount: width)
    let sweep = ArmorCore(seen, width: width, pattern: pattern)
    let state = self
    let maskCount = factors.masks.count / tileCount
    let parts = map { index -> (core: [Float], masks: [UInt16]) in
      let a = state.tile(index, of: state.factors.a)
      let slope = ArmorBlocks.product(
        transposing: turned, block: state.block, residuals[index].slope, columnCount: state.block)
      let gradient = ArmorBlocks.product(
        transposing: a.span, state.block, ArmorBlocks.transposed(slope, rowCount: state.width).span, state.width,
        rowCount: state.block, columnCount: state.width, inner: state.block)
      let coupling = ArmorBlocks.product(
        transposing: a.span, state.block, a.span, state.block, rowCount: state.block, columnCount: state.block,
        inner: state.block)
      var core = state.tile(index, of: state.factors.core)
      var masks = Array(state.factors.masks[index * maskCount..<(index + 1) * maskCount])
      sweep.sweep(&core, &masks, gradient: gradient, coupling: coupling)
      return (core, masks)
    }
    factors.core = parts.flatMap(\.core)
    factors.masks = parts.flatMap(\.masks)
  }

  /// Each block of A by least squares: W·G·Xᵀ·(X·G·Xᵀ)⁻¹ with X = C·B.
  private mutating func improveOutputBlocks() {
    let state = self
    factors.a = map { index -> [Float] in
      let block = state.block, width = state.width
      let core = ArmorBlocks.transposed(state.tile(index, of: state.factors.core), rowCount: block)
      let x = ArmorBlocks.product(transposing: state.factors.b, block: block, core, columnCount: block)
      let seen = state.multipliedByMetric(x)
      let square = ArmorBlocks.product(
        transposing: x.span, block, seen.span, block, rowCount: block, columnCount: block, inner: width)
      guard let inverse = ArmorBlocks.inverse(square, count: block) else {
        return state.tile(index, of: state.factors.a)
      }
      let target = ArmorBlocks.product(
        transposing: state.tile(index, of: state.weights).span, block, seen.span, block, rowCount: block,
        columnCount: block, inner: width)
      return Matrix.product(Matrix(rowCount: block, columnCount: block, floats: target), inverse).floats
    }.flatMap(\.self)
  }

  /// The blocks of B in turn by least squares: B_J += (Z_Jᵀ·Z_J)⁻¹·Z_Jᵀ·(E·G)_J·G_JJ⁻¹ with Z = A·C.
  private mutating func improveInputBlocks() {
    let residuals = residuals()
    let (block, width, rowCount) = (block, width, tileCount * block)
    let product = residuals.flatMap(\.product)
    var slope = residuals.flatMap { ArmorBlocks.transposed($0.slope, rowCount: width) }
    for (number, inverseMetric) in inverseMetrics.enumerated() {
      let first = number * block
      let columns = product.span.extracting(droppingFirst: first)
      let square = ArmorBlocks.product(
        transposing: columns, width, columns, width, rowCount: block, columnCount: block, inner: rowCount)
      guard let inverseMetric, let inverse = ArmorBlocks.inverse(square, count: block) else { continue }
      let pull = ArmorBlocks.product(
        transposing: columns, width, slope.span.extracting(droppingFirst: first), width, rowCount: block,
        columnCount: block, inner: rowCount)
      let change = Matrix.product(
        Matrix.product(inverse, Matrix(rowCount: block, columnCount: block, floats: pull)), inverseMetric)
      let place = first * block
      for (offset, element) in change.elements.enumerated() { factors.b[place + offset] += Float(element) }
      let effect = ArmorBlocks.product(
        transposing: change.transposed.floats.span, block, metric.span.extracting(droppingFirst: first * width), width,
        rowCount: block, columnCount: width, inner: block)
      var rest = slope.mutableSpan
      pool.forEachChunk(of: &rest, chunkLength: block * width) { index, rows in
        let columns = residuals[index].productTransposed
        FloatProduct.add(
          transposing: columns.span.extracting(droppingFirst: first * block), stride: block,
          effect.span, stride: width, factor: -1, rowCount: block, columnCount: width, inner: block, to: &rows,
          stride: width)
      }
    }
  }

  private func result(_ factors: Factors, before: Double, after: Double) -> ArmorResult {
    let groupCount = width / pattern.group
    var kept: [Float] = []
    kept.reserveCapacity(factors.masks.count * pattern.kept)
    for (index, mask) in factors.masks.enumerated() {
      let start = index / groupCount * width + index % groupCount * pattern.group
      for place in 0..<pattern.group where mask >> UInt16(place) & 1 == 1 { kept.append(factors.core[start + place]) }
    }
    return ArmorResult(
      outputBlocks: factors.a, masks: factors.masks, keptValues: kept, inputBlocks: factors.b, lossBefore: before,
      lossAfter: after)
  }

  private static func dot(_ a: [Float], _ b: [Float]) -> Double {
    var total = 0.0
    for index in a.indices { total += Double(a[index]) * Double(b[index]) }
    return total
  }
}
