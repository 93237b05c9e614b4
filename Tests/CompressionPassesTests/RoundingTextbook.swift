import Encodings
import LinearAlgebra
import TensorCore

/// GPTQ as its paper has it (arXiv 2210.17323, Algorithm 1), with the inverse, in double precision, one column after
/// the other, and the grids of the groups fixed beforehand.
struct TextbookGPTQ {
  let encoding: GroupedEncoding
  let gram: Gram
  let damping: Double
  let isByActivation: Bool

  func round(_ weights: [Float], _ shape: MatrixShape) -> [Float] {
    let width = shape.inputCount
    let mean = (0..<width).reduce(0.0) { $0 + gram.matrix[$1, $1] } / Double(width)
    let diagonal = (0..<width).map { Float(gram.matrix[$0, $0] / mean) }
    let order = isByActivation ? (0..<width).sorted { (-diagonal[$0], $0) < (-diagonal[$1], $1) } : Array(0..<width)
    var hessian = Matrix(rowCount: width, columnCount: width)
    for row in 0..<width {
      for column in 0..<width {
        hessian[row, column] =
          Double(Float(gram.matrix[order[row], order[column]] / mean)) + (row == column ? damping : 0)
      }
    }
    let upper = Self.lowerCholesky(Self.inverse(hessian)).transposed
    var result = weights
    for row in 0..<shape.outputCount {
      let first = row * width
      let grids = stride(from: 0, to: width, by: encoding.groupElementCount).map { start in
        var fit = GroupFit(encoding: encoding)
        let range = start..<start + encoding.groupElementCount
        fit.load(
          weights.span.extracting(first + range.lowerBound..<first + range.upperBound),
          importance: diagonal.span.extracting(range))
        return fit.fit(searches: true)
      }
      var rest = order.map { Double(weights[first + $0]) }
      for position in 0..<width {
        let grid = grids[order[position] / encoding.groupElementCount]
        let code = (rest[position] / Double(grid.scale) + Double(grid.zero)).rounded()
        let bounded = min(max(code, 0), Double((1 << encoding.bits) - 1))
        let value = (Float(bounded) - grid.zero) * grid.scale
        result[first + order[position]] = value
        let error = (rest[position] - Double(value)) / upper[position, position]
        for later in position..<width { rest[later] -= error * upper[position, later] }
      }
    }
    return result
  }

  private static func inverse(_ matrix: Matrix) -> Matrix {
    let count = matrix.rowCount
    var a = matrix
    var result = Matrix(rowCount: count, columnCount: count)
    for index in 0..<count { result[index, index] = 1 }
    for pivot in 0..<count {
      let factor = 1 / a[pivot, pivot]
      for column in 0..<count {
        a[pivot, column] *= factor
        result[pivot, column] *= factor
      }
      for row in 0..<count where row != pivot {
        let multiple = a[row, pivot]
        for column in 0..<count {
          a[row, column] -= multiple * a[pivot, column]
          result[row, column] -= multiple * result[pivot, column]
        }
      }
    }
    return result
  }

  private static func lowerCholesky(_ matrix: Matrix) -> Matrix {
    var lower = Matrix(rowCount: matrix.rowCount, columnCount: matrix.rowCount)
    for row in 0..<matrix.rowCount {
      for column in 0...row {
        let sum = (0..<column).reduce(matrix[row, column]) { $0 - lower[row, $1] * lower[column, $1] }
        lower[row, column] = row == column ? sum.squareRoot() : sum / lower[column, column]
      }
    }
    return lower
  }
}
