import COpenBLAS

extension Matrix {
  /// The lower triangular L with L·Lᵀ equal to this symmetric matrix, zeros above the diagonal.
  /// - Returns: nil when the matrix is not positive definite to working precision.
  public func choleskyLower() -> Matrix? {
    precondition(rowCount == columnCount)
    guard BLAS.isReady else { return nil }
    var factor = self
    var count = Int32(rowCount), info: Int32 = 0
    // Row-major lower is column-major upper.
    var uplo = CChar(UInt8(ascii: "U"))
    unsafe factor.elements.withUnsafeMutableBufferPointer { elements in
      var stride = count
      unsafe dpotrf_(&uplo, &count, elements.baseAddress, &stride, &info)
    }
    // A NaN passes LAPACK's comparisons.
    guard info == 0, (0..<rowCount).allSatisfy({ factor[$0, $0] > 0 && factor[$0, $0].isFinite }) else { return nil }
    for row in 0..<rowCount {
      for column in row + 1..<max(row + 1, columnCount) { factor.elements[row * columnCount + column] = 0 }
    }
    return factor
  }

  /// X with X·L = this matrix, for a lower triangular L with a diagonal that is not zero.
  public func dividedFromTheRight(byLower lower: Matrix) -> Matrix {
    precondition(lower.rowCount == lower.columnCount && lower.rowCount == columnCount)
    var result = self
    guard BLAS.isReady, rowCount > 0, columnCount > 0 else { return result }
    unsafe lower.elements.withUnsafeBufferPointer { lower in
      unsafe result.elements.withUnsafeMutableBufferPointer { elements in
        unsafe cblas_dtrsm(
          CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, blasint(rowCount), blasint(columnCount), 1,
          lower.baseAddress, blasint(columnCount), elements.baseAddress, blasint(columnCount))
      }
    }
    return result
  }
}

/// A = U·diag(values)·Vᵀ.
public struct SingularValues: Sendable {
  /// (rowCount, count), orthonormal columns.
  public let u: Matrix
  /// Descending, min(rowCount, columnCount) of them.
  public let values: [Double]
  /// (count, columnCount), orthonormal rows.
  public let vTransposed: Matrix

  /// - Returns: nil for a matrix with an infinity or NaN, and should the iteration not converge.
  public init?(of matrix: Matrix) {
    guard BLAS.isReady else { return nil }
    let count = min(matrix.rowCount, matrix.columnCount)
    // Row-major A is column-major Aᵀ = V·diag·Uᵀ: LAPACK's u is V and its vt is Uᵀ, both column-major.
    var rows = Int32(matrix.columnCount), columns = Int32(matrix.rowCount), small = Int32(count), info: Int32 = 0
    var a = matrix.elements
    var s = [Double](repeating: 0, count: count)
    var v = [Double](repeating: 0, count: matrix.columnCount * count)
    var u = [Double](repeating: 0, count: count * matrix.rowCount)
    var integers = [Int32](repeating: 0, count: 8 * max(1, count))
    var job = CChar(UInt8(ascii: "S"))
    var size = 0.0, sizeCount: Int32 = -1
    var stride = rows
    unsafe dgesdd_(
      &job, &rows, &columns, &a, &stride, &s, &v, &rows, &u, &small, &size, &sizeCount, &integers, &info)
    guard info == 0 else { return nil }
    sizeCount = Int32(size)
    var work = [Double](repeating: 0, count: max(1, Int(sizeCount)))
    unsafe dgesdd_(
      &job, &rows, &columns, &a, &stride, &s, &v, &rows, &u, &small, &work, &sizeCount, &integers, &info)
    guard info == 0, s.allSatisfy(\.isFinite) else { return nil }
    values = s
    vTransposed = Matrix(rowCount: count, columnCount: matrix.columnCount, elements: v)
    self.u = Matrix(rowCount: matrix.rowCount, columnCount: count, elements: u)
  }
}

/// A = Q·diag(values)·Qᵀ of a symmetric matrix.
public struct SymmetricEigen: Sendable {
  /// Ascending.
  public let values: [Double]
  /// Row i is the eigenvector of `values[i]`.
  public let vectors: Matrix

  /// - Returns: nil for a matrix with an infinity or NaN, and should the iteration not converge.
  public init?(of matrix: Matrix) {
    precondition(matrix.rowCount == matrix.columnCount)
    guard BLAS.isReady else { return nil }
    var count = Int32(matrix.rowCount), info: Int32 = 0, stride = Int32(matrix.rowCount)
    var a = matrix.elements
    var w = [Double](repeating: 0, count: matrix.rowCount)
    var job = CChar(UInt8(ascii: "V")), uplo = CChar(UInt8(ascii: "L"))
    var size = 0.0, sizeCount: Int32 = -1, integerSize: Int32 = 0, integerCount: Int32 = -1
    unsafe dsyevd_(
      &job, &uplo, &count, &a, &stride, &w, &size, &sizeCount, &integerSize, &integerCount, &info)
    guard info == 0 else { return nil }
    sizeCount = Int32(size)
    integerCount = integerSize
    var work = [Double](repeating: 0, count: max(1, Int(sizeCount)))
    var integers = [Int32](repeating: 0, count: max(1, Int(integerCount)))
    unsafe dsyevd_(
      &job, &uplo, &count, &a, &stride, &w, &work, &sizeCount, &integers, &integerCount, &info)
    guard info == 0, w.allSatisfy(\.isFinite) else { return nil }
    values = w
    vectors = Matrix(rowCount: matrix.rowCount, columnCount: matrix.rowCount, elements: a)
  }
}
