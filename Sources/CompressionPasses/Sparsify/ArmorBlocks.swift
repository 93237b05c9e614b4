import LinearAlgebra

/// Products in single precision of matrices that are tiles of others or have square blocks on their diagonal.
enum ArmorBlocks {
  /// aᵀ·b, of the elements from the first on of rows `aStride` and `bStride` apart.
  static func product(
    transposing a: Span<Float>, _ aStride: Int, _ b: Span<Float>, _ bStride: Int, rowCount: Int, columnCount: Int,
    inner: Int
  ) -> [Float] {
    var result = [Float](repeating: 0, count: rowCount * columnCount)
    var span = result.mutableSpan
    FloatProduct.add(
      transposing: a, stride: aStride, b, stride: bStride, rowCount: rowCount, columnCount: columnCount, inner: inner,
      to: &span, stride: columnCount)
    return result
  }

  /// Bᵀ·x for a block-diagonal B.
  /// - Parameters:
  ///   - blocks: (rows, block), row j the row of the block it lies in.
  ///   - x: (rows, columnCount).
  static func product(transposing blocks: [Float], block: Int, _ x: [Float], columnCount: Int) -> [Float] {
    var result = [Float](repeating: 0, count: x.count)
    var span = result.mutableSpan
    let step = block * columnCount
    for index in 0..<x.count / step {
      var rows = span._mutatingExtracting(index * step..<(index + 1) * step)
      FloatProduct.add(
        transposing: blocks.span.extracting(index * block * block..<(index + 1) * block * block), stride: block,
        x.span.extracting(index * step..<(index + 1) * step), stride: columnCount, rowCount: block,
        columnCount: columnCount, inner: block, to: &rows, stride: columnCount)
    }
    return result
  }

  /// Every block transposed.
  static func transposingBlocks(_ blocks: [Float], block: Int) -> [Float] {
    stride(from: 0, to: blocks.count, by: block * block).flatMap { first in
      transposed(Array(blocks[first..<first + block * block]), rowCount: block)
    }
  }

  static func transposed(_ x: [Float], rowCount: Int) -> [Float] {
    let columnCount = x.count / rowCount
    var result = [Float](repeating: 0, count: x.count)
    for row in 0..<rowCount {
      for column in 0..<columnCount { result[column &* rowCount &+ row] = x[row &* columnCount &+ column] }
    }
    return result
  }

  /// Unit blocks on the diagonal of a matrix of `rowCount` rows.
  static func unit(rowCount: Int, block: Int) -> [Float] {
    (0..<rowCount * block).map { $0 / block % block == $0 % block ? 1 : 0 }
  }

  /// The inverse of a positive definite matrix, nil when it is not one to working precision.
  static func inverse(_ elements: [Float], count: Int) -> Matrix? {
    let matrix = Matrix(rowCount: count, columnCount: count, floats: elements)
    guard let lower = matrix.choleskyLower() else { return nil }
    var unit = Matrix(rowCount: count, columnCount: count)
    for index in 0..<count { unit[index, index] = 1 }
    let inverse = unit.dividedFromTheRight(byLower: lower)
    return Matrix.product(inverse, inverse, transposingA: true)
  }
}
