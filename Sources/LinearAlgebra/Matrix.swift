/// A dense matrix in double precision, row-major.
public struct Matrix: Sendable, Equatable {
  public let rowCount: Int
  public let columnCount: Int
  /// (rowCount, columnCount)
  public var elements: [Double]

  /// - Parameter elements: rowCount · columnCount of them.
  public init(rowCount: Int, columnCount: Int, elements: [Double]) {
    precondition(elements.count == rowCount * columnCount)
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.elements = elements
  }

  /// All zero.
  public init(rowCount: Int, columnCount: Int) {
    self.init(
      rowCount: rowCount, columnCount: columnCount, elements: [Double](repeating: 0, count: rowCount * columnCount))
  }

  public init(rowCount: Int, columnCount: Int, floats: [Float]) {
    self.init(rowCount: rowCount, columnCount: columnCount, elements: floats.map(Double.init))
  }

  public subscript(row: Int, column: Int) -> Double {
    get { elements[row * columnCount + column] }
    set { elements[row * columnCount + column] = newValue }
  }

  /// The elements rounded to single precision.
  public var floats: [Float] { elements.map(Float.init) }

  public var transposed: Matrix {
    var result = Matrix(rowCount: columnCount, columnCount: rowCount)
    for row in 0..<rowCount {
      for column in 0..<columnCount {
        result.elements[column * rowCount + row] = elements[row * columnCount + column]
      }
    }
    return result
  }

  /// The first `count` rows.
  public func prefix(rows count: Int) -> Matrix {
    Matrix(rowCount: count, columnCount: columnCount, elements: Array(elements[..<(count * columnCount)]))
  }

  /// The first `count` columns.
  public func prefix(columns count: Int) -> Matrix {
    var result: [Double] = []
    result.reserveCapacity(rowCount * count)
    for row in 0..<rowCount { result += elements[row * columnCount..<row * columnCount + count] }
    return Matrix(rowCount: rowCount, columnCount: count, elements: result)
  }

  public static func - (a: Matrix, b: Matrix) -> Matrix {
    precondition(a.rowCount == b.rowCount && a.columnCount == b.columnCount)
    var result = a
    for index in result.elements.indices { result.elements[index] -= b.elements[index] }
    return result
  }
}
