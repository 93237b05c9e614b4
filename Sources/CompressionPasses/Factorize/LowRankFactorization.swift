import LinearAlgebra

/// The factorizations U·V of a matrix W that lose least of tr((W − U·V)·A·(W − U·V)ᵀ), for every rank.
///
/// With A = S·Sᵀ they are the truncations of the singular value decomposition of W·S (SVD-LLM, arXiv 2403.07378): what
/// rank r loses is the sum of the squares of the singular values from r on. Two smaller problems give the same:
/// the eigenvectors of W·A·Wᵀ where W has no more rows than columns, those of (W·S)ᵀ·(W·S) where it has more.
struct LowRankFactorization {
  /// The squares of the singular values of W·S, descending, min(rowCount, columnCount) of them.
  let energies: [Double]

  private let weights: Matrix
  private let basis: Basis

  private enum Basis {
    /// The left singular vectors, as rows in ascending order.
    case left(Matrix)
    /// The right singular vectors, as rows in ascending order, and W·S.
    case right(Matrix, image: Matrix, InputMetric.Root)
  }

  /// - Returns: nil when there is a NaN or infinity in the matrix or the metric.
  init?(of weights: Matrix, metric: InputMetric) {
    self.weights = weights
    let values: [Double]
    if weights.rowCount <= weights.columnCount {
      let square = Matrix.product(metric.applied(to: weights), weights, transposingB: true)
      guard let eigen = SymmetricEigen(of: square) else { return nil }
      values = eigen.values
      basis = .left(eigen.vectors)
    } else {
      guard let root = metric.root() else { return nil }
      let image = root.applied(to: weights)
      guard let eigen = SymmetricEigen(of: Matrix.product(image, image, transposingA: true)) else { return nil }
      values = eigen.values
      basis = .right(eigen.vectors, image: image, root)
    }
    guard values.allSatisfy(\.isFinite) else { return nil }
    energies = values.reversed().map { max($0, 0) }
  }

  /// The best U (rowCount, rank) and V (rank, columnCount), each with the square root of the singular values.
  func factors(rank: Int) -> (u: Matrix, v: Matrix) {
    // Directions that hold nothing but rounding errors would be divided by about zero.
    let floor = 1e-14 * (energies.first ?? 0)
    let roots = (0..<rank).map { index in
      index < energies.count && energies[index] > floor ? energies[index].squareRoot().squareRoot() : 0
    }
    let inverses = roots.map { $0 > 0 ? 1 / $0 : 0 }
    switch basis {
    case .left(let vectors):
      let u = vectors.lastRows(rank)
      return (
        u.transposed.scalingColumns(by: roots), Matrix.product(u, weights).scalingRows(by: inverses)
      )
    case .right(let vectors, let image, let root):
      let v = vectors.lastRows(rank)
      return (
        Matrix.product(image, v, transposingB: true).scalingColumns(by: inverses),
        root.removed(from: v.scalingRows(by: roots))
      )
    }
  }
}

extension Matrix {
  /// The last `count` rows, the last first; rows of zeros where there are no more.
  fileprivate func lastRows(_ count: Int) -> Matrix {
    var result = Matrix(rowCount: count, columnCount: columnCount)
    for row in 0..<min(count, rowCount) {
      let source = (rowCount - 1 - row) * columnCount
      result.elements.replaceSubrange(
        row * columnCount..<(row + 1) * columnCount, with: elements[source..<source + columnCount])
    }
    return result
  }
}
