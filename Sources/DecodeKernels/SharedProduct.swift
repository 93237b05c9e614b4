import TensorCore

/// One product, lent to the threads that compute its pieces: rows, tiles or bundles. Sound because they write disjoint
/// rows.
@unsafe struct SharedProduct<Matrix>: @unchecked Sendable {
  /// The C description of the matrix.
  let matrix: Matrix
  let x: UnsafePointer<Float>
  let tokenCount: Int
  let y: UnsafeMutablePointer<Float>
}

extension KernelContext {
  /// Shares the pieces of a product out over the threads, `chunk` at a time. A piece is computed once.
  /// - Parameter compute: is given the product and some of its pieces.
  func share<Matrix>(
    _ matrix: Matrix, pieceCount: Int, chunk: Int, _ x: Span<Float>, _ tokenCount: Int,
    _ y: inout MutableSpan<Float>, _ compute: @Sendable (SharedProduct<Matrix>, Range<Int>) -> Void
  ) {
    guard tokenCount > 0 else { return }
    unsafe x.withUnsafeBufferPointer { x in
      unsafe y.withUnsafeMutableBufferPointer { y in
        let product = unsafe SharedProduct(
          matrix: matrix, x: x.baseAddress!, tokenCount: tokenCount, y: y.baseAddress!)
        pool.forEach((pieceCount + chunk - 1) / chunk) { index in
          unsafe compute(product, index * chunk..<min(pieceCount, (index + 1) * chunk))
        }
      }
    }
  }
}
