import Encodings
import LinearAlgebra
import TensorCore

/// Some consecutive rows of a matrix on their way to codes, stored column after column: (width, laneCount).
struct WeightTile<Rounder: ColumnRounder>: Sendable {
  let rowCount: Int
  let laneCount: Int
  let width: Int
  var weights: [Float]
  /// What a reader of the encoded columns will see.
  var values: [Float]
  var rounder: Rounder
  var places: KeptPlaces?

  init(weights: [Float], rowCount: Int, laneCount: Int, rounder: Rounder, places: KeptPlaces?) {
    self.weights = weights
    self.rowCount = rowCount
    self.laneCount = laneCount
    width = weights.count / laneCount
    values = [Float](repeating: 0, count: weights.count)
    self.rounder = rounder
    self.places = places
  }

  /// Where a column lies.
  func lanes(_ column: Int) -> Range<Int> { column * laneCount..<(column + 1) * laneCount }

  /// Rounds every column to its own weights.
  mutating func roundToNearest() {
    let weights = weights
    var column = [Float](repeating: 0, count: laneCount)
    for index in 0..<width { round(weights.span.extracting(lanes(index)), column: index, scratch: &column) }
  }

  /// Chooses the codes and values of a column.
  /// - Parameter scratch: (laneCount), left with the values.
  mutating func round(_ targets: Span<Float>, column: Int, scratch: inout [Float]) {
    var span = scratch.mutableSpan
    rounder.round(targets, column: column, into: &span)
    places?.apply(to: &span, column: column)
    let first = column * laneCount
    for lane in 0..<laneCount { values[first &+ lane] = scratch[lane] }
  }

  /// Weights less values.
  var errors: [Float] {
    var errors = weights
    for index in errors.indices { errors[index] -= values[index] }
    return errors
  }

  /// Σ over the tile of error², each column's weighted by `importance`.
  func squaredError(importance: [Float]? = nil) -> Double {
    var total = 0.0
    for column in 0..<width {
      var sum: Float = 0
      for place in lanes(column) {
        let error = weights[place] - values[place]
        sum += error * error
      }
      total += Double(sum) * Double(importance?[column] ?? 1)
    }
    return total
  }

  /// tr(E·G·Eᵀ), of the damped matrix without its ridge.
  func outputError(_ gram: DampedGram) -> Double {
    let errors = errors
    let blockWidth = 128
    var total = 0.0
    var product = [Float](repeating: 0, count: blockWidth * laneCount)
    for start in stride(from: 0, to: width, by: blockWidth) {
      let block = start..<min(width, start + blockWidth)
      // The matrix is symmetric: what lies before the block counts twice, the block itself once.
      for index in product.indices { product[index] = 0 }
      var span = product.mutableSpan
      FloatProduct.add(
        transposing: gram.elements.span.extracting(droppingFirst: start), stride: width, errors.span,
        stride: laneCount, factor: 2, rowCount: block.count, columnCount: laneCount, inner: start, to: &span,
        stride: laneCount)
      FloatProduct.add(
        transposing: gram.elements.span.extracting(droppingFirst: start * width + start), stride: width,
        errors.span.extracting(droppingFirst: start * laneCount), stride: laneCount, rowCount: block.count,
        columnCount: laneCount, inner: block.count, to: &span, stride: laneCount)
      for column in block {
        let first = column * laneCount, offset = (column - start) * laneCount
        var sum: Float = 0, square: Float = 0
        for lane in 0..<laneCount {
          let error = errors[first &+ lane]
          sum += error * product[offset &+ lane]
          square += error * error
        }
        total += Double(sum) - Double(square) * Double(gram.ridge[column])
      }
    }
    return max(0, total)
  }
}

/// y += factor · x.
@inline(__always) func addMultiple(of x: Span<Float>, by factor: Float, to y: inout MutableSpan<Float>) {
  precondition(x.count == y.count)
  for index in y.indices { y[index] += factor * x[index] }
}
