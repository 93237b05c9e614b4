import LinearAlgebra
import Testing

@Suite struct FactorizationTests {
  @Test(arguments: [1, 2, 17, 150]) func choleskyFactorsMultiplyToTheMatrix(count: Int) throws {
    var random = Normal(seed: UInt64(count))
    let half = random.matrix(count + 5, count)
    let matrix = Matrix.product(half, half, transposingA: true)
    let lower = try #require(matrix.choleskyLower())
    let product = Matrix.product(lower, lower, transposingB: true)
    #expect(product.largestDifference(from: matrix) < 1e-11 * Double(count + 5))
    for row in 0..<count {
      #expect(lower[row, row] > 0)
      for column in row + 1..<max(row + 1, count) { #expect(lower[row, column] == 0) }
    }
  }

  @Test func choleskyRefusesWhatIsNotPositiveDefinite() {
    #expect(Matrix.diagonal([1, -1, 1]).choleskyLower() == nil)
    #expect(Matrix.diagonal([1, 0]).choleskyLower() == nil)
    #expect(Matrix.diagonal([1, .nan, 1]).choleskyLower() == nil)
    #expect(Matrix(rowCount: 2, columnCount: 2, elements: [1, 2, 2, 1]).choleskyLower() == nil)
  }

  @Test func divisionByALowerTriangleUndoesTheProduct() {
    var random = Normal(seed: 8)
    var lower = random.matrix(30, 30)
    for row in 0..<30 {
      lower[row, row] = 2 + abs(lower[row, row])
      for column in row + 1..<30 { lower[row, column] = 0 }
    }
    let x = random.matrix(7, 30)
    let quotient = Matrix.product(x, lower).dividedFromTheRight(byLower: lower)
    #expect(quotient.largestDifference(from: x) < 1e-8)
  }

  @Test(arguments: [(9, 4), (4, 9), (1, 1), (60, 60)])
  func singularValuesRebuildTheMatrix(rows: Int, columns: Int) throws {
    var random = Normal(seed: UInt64(rows * 100 + columns))
    let matrix = random.matrix(rows, columns)
    let parts = try #require(SingularValues(of: matrix))
    let count = min(rows, columns)
    #expect(parts.values.count == count && parts.values == parts.values.sorted(by: >) && parts.values[count - 1] >= 0)
    let rebuilt = Matrix.product(Matrix.product(parts.u, .diagonal(parts.values)), parts.vTransposed)
    #expect(rebuilt.largestDifference(from: matrix) < 1e-12 * Double(rows + columns))
    #expect(Matrix.product(parts.u, parts.u, transposingA: true).largestDifference(from: .identity(count)) < 1e-12)
    let v = parts.vTransposed
    #expect(Matrix.product(v, v, transposingB: true).largestDifference(from: .identity(count)) < 1e-12)
  }

  @Test func singularValuesOfADiagonalAreItsMagnitudes() throws {
    #expect(try #require(SingularValues(of: .diagonal([3, -5, 0]))).values == [5, 3, 0])
  }

  @Test(arguments: [1, 2, 40]) func eigenvectorsRebuildTheMatrix(count: Int) throws {
    var random = Normal(seed: UInt64(count))
    let half = random.matrix(count, count)
    var matrix = half
    for row in 0..<count { for column in 0..<count { matrix[row, column] = half[row, column] + half[column, row] } }
    let parts = try #require(SymmetricEigen(of: matrix))
    #expect(parts.values == parts.values.sorted())
    let q = parts.vectors
    #expect(Matrix.product(q, q, transposingB: true).largestDifference(from: .identity(count)) < 1e-12)
    let rebuilt = Matrix.product(Matrix.product(q, .diagonal(parts.values), transposingA: true), q)
    #expect(rebuilt.largestDifference(from: matrix) < 1e-12 * Double(10 + count))
  }

  @Test func whatIsNotANumberHasNoDecomposition() {
    var matrix = Matrix.identity(6)
    matrix[2, 3] = .nan
    matrix[3, 2] = .nan
    #expect(SingularValues(of: matrix) == nil)
    #expect(SymmetricEigen(of: matrix) == nil)
    #expect(matrix.choleskyLower() == nil)
  }

  @Test(arguments: [false, true], [false, true]) func productsTransposeWhereAsked(a: Bool, b: Bool) {
    var random = Normal(seed: 9)
    let left = random.matrix(5, 6), right = random.matrix(6, 3)
    let product = Matrix.product(
      a ? left.transposed : left, b ? right.transposed : right, transposingA: a, transposingB: b)
    for row in 0..<5 {
      for column in 0..<3 {
        let sum = (0..<6).reduce(0.0) { $0 + left[row, $1] * right[$1, column] }
        #expect(abs(product[row, column] - sum) < 1e-12)
      }
    }
  }
}
