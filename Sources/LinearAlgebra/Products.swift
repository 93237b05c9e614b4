import COpenBLAS

/// OpenBLAS with kernels for this processor, set to one thread per call, once: callers share work out by tiles of fixed
/// size, so that results do not depend on the number of threads.
enum BLAS {
  static let isReady: Bool = {
    copenblas_prepare()
    return true
  }()
}

extension Matrix {
  /// A·B, with A or B transposed on the way where asked.
  public static func product(
    _ a: Matrix, _ b: Matrix, transposingA: Bool = false, transposingB: Bool = false
  ) -> Matrix {
    let rowCount = transposingA ? a.columnCount : a.rowCount, inner = transposingA ? a.rowCount : a.columnCount
    let columnCount = transposingB ? b.rowCount : b.columnCount
    precondition(inner == (transposingB ? b.columnCount : b.rowCount))
    var result = Matrix(rowCount: rowCount, columnCount: columnCount)
    guard BLAS.isReady, rowCount > 0, columnCount > 0, inner > 0 else { return result }
    unsafe a.elements.withUnsafeBufferPointer { aElements in
      unsafe b.elements.withUnsafeBufferPointer { bElements in
        unsafe result.elements.withUnsafeMutableBufferPointer { elements in
          unsafe cblas_dgemm(
            CblasRowMajor, transposingA ? CblasTrans : CblasNoTrans, transposingB ? CblasTrans : CblasNoTrans,
            blasint(rowCount), blasint(columnCount), blasint(inner), 1, aElements.baseAddress, blasint(a.columnCount),
            bElements.baseAddress, blasint(b.columnCount), 0, elements.baseAddress, blasint(columnCount))
        }
      }
    }
    return result
  }
}

/// Products of blocks in single precision.
public enum FloatProduct {
  /// C += factor · Aᵀ·B, all row-major with rows `stride` elements apart.
  /// - Parameters:
  ///   - a: (inner, rowCount), from its first element on.
  ///   - b: (inner, columnCount).
  ///   - c: (rowCount, columnCount).
  public static func add(
    transposing a: Span<Float>, stride aStride: Int, _ b: Span<Float>, stride bStride: Int, factor: Float = 1,
    rowCount: Int, columnCount: Int, inner: Int, to c: inout MutableSpan<Float>, stride cStride: Int
  ) {
    guard BLAS.isReady, rowCount > 0, columnCount > 0, inner > 0 else { return }
    precondition(aStride >= rowCount && bStride >= columnCount && cStride >= columnCount)
    precondition((inner - 1) * aStride + rowCount <= a.count && (inner - 1) * bStride + columnCount <= b.count)
    precondition((rowCount - 1) * cStride + columnCount <= c.count)
    unsafe a.withUnsafeBufferPointer { a in
      unsafe b.withUnsafeBufferPointer { b in
        unsafe c.withUnsafeMutableBufferPointer { c in
          unsafe cblas_sgemm(
            CblasRowMajor, CblasTrans, CblasNoTrans, blasint(rowCount), blasint(columnCount), blasint(inner), factor,
            a.baseAddress, blasint(aStride), b.baseAddress, blasint(bStride), 1, c.baseAddress, blasint(cStride))
        }
      }
    }
  }
}
