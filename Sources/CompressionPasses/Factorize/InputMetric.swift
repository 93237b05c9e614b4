import LinearAlgebra
import PassKit
import TensorCore

/// What an error E of a matrix costs: tr(E·A·Eᵀ) with A symmetric and positive definite.
enum InputMetric: Sendable {
  /// A = I: all weights count the same.
  case plain
  /// A is diagonal, with these elements.
  case scaled([Double])
  /// A whole matrix.
  case full(Matrix)

  /// Share of the mean of the Gram matrix's diagonal that is added to it: few tokens say little of most directions.
  private static let damping = 1e-3

  /// The root mean square of each input, so that a matrix is multiplied by its square root (ASVD, arXiv 2312.05821,
  /// with α = ½). Plain where no token came by.
  init(activations meanSquares: [Float]) {
    let largest = meanSquares.max() ?? 0
    guard largest > 0 else {
      self = .plain
      return
    }
    self = .scaled(meanSquares.map { max(Double($0).squareRoot(), 1e-3 * Double(largest).squareRoot()) })
  }

  /// The mean of x·xᵀ, damped: the error is the mean squared change of the output (SVD-LLM, arXiv 2403.07378). Plain
  /// where no token came by.
  init(whitening gram: Gram) {
    let trace = (0..<gram.width).reduce(0.0) { $0 + gram.matrix[$1, $1] }
    guard gram.tokenCount > 0, trace > 0 else {
      self = .plain
      return
    }
    var matrix = gram.matrix
    let scale = 1 / Double(gram.tokenCount), ridge = Self.damping * trace / Double(gram.width)
    for index in 0..<gram.width { matrix[index, index] += ridge }
    for index in matrix.elements.indices { matrix.elements[index] *= scale }
    self = .full(matrix)
  }

  /// W·A.
  func applied(to weights: Matrix) -> Matrix {
    switch self {
    case .plain: weights
    case .scaled(let scales): weights.scalingColumns(by: scales)
    case .full(let matrix): Matrix.product(weights, matrix)
    }
  }

  /// tr(E·A·Eᵀ).
  func energy(of error: Matrix) -> Double {
    zip(applied(to: error).elements, error.elements).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// An S with S·Sᵀ = A; nil where none is found, which takes a NaN.
  func root() -> Root? {
    switch self {
    case .plain: .unit
    case .scaled(let scales): .diagonal(scales.map { $0.squareRoot() })
    case .full(let matrix):
      // What rounding makes indefinite is left to the eigenvectors, as in SVD-LLM v2 (arXiv 2503.12340).
      matrix.choleskyLower().map(Root.lower) ?? SymmetricEigen(of: matrix).map(Root.eigen)
    }
  }

  enum Root {
    case unit
    case diagonal([Double])
    /// The lower triangular factor.
    case lower(Matrix)
    /// Qᵀ·√Λ.
    case eigen(SymmetricEigen)

    /// W·S.
    func applied(to weights: Matrix) -> Matrix {
      switch self {
      case .unit: weights
      case .diagonal(let scales): weights.scalingColumns(by: scales)
      case .lower(let lower): Matrix.product(weights, lower)
      case .eigen(let eigen):
        Matrix.product(weights, eigen.vectors, transposingB: true)
          .scalingColumns(by: eigen.values.map { max($0, 0).squareRoot() })
      }
    }

    /// V·S⁻¹, without the directions in which S is zero.
    func removed(from v: Matrix) -> Matrix {
      switch self {
      case .unit: return v
      case .diagonal(let scales): return v.scalingColumns(by: scales.map { 1 / $0 })
      case .lower(let lower): return v.dividedFromTheRight(byLower: lower)
      case .eigen(let eigen):
        let floor = 1e-12 * (eigen.values.last ?? 0)
        let scales = eigen.values.map { $0 > floor ? 1 / $0.squareRoot() : 0 }
        return Matrix.product(v.scalingColumns(by: scales), eigen.vectors)
      }
    }
  }
}

extension Matrix {
  /// Column j times `scales[j]`.
  func scalingColumns(by scales: [Double]) -> Matrix {
    var result = self
    for index in result.elements.indices { result.elements[index] *= scales[index % columnCount] }
    return result
  }

  /// Row i times `scales[i]`.
  func scalingRows(by scales: [Double]) -> Matrix {
    var result = self
    for index in result.elements.indices { result.elements[index] *= scales[index / columnCount] }
    return result
  }
}
