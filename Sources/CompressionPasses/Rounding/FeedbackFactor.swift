import LinearAlgebra

/// What a column has to know about those before it: the triangular factor of a damped Gram matrix.
///
/// With H = B·Bᵀ, B upper triangular, the loop of GPTQ (arXiv 2210.17323) is, without the inverse of any matrix,
/// t_i = w_i + Σ_{k<i} (w_k − q_k)·B[k][i] / B[i][i], q_i the value nearest to t_i, and
/// tr(E·H·Eᵀ) = Σ_i B[i][i]²·(t_i − q_i)². It is the form known as LDLQ (arXiv 2307.13304, Theorem 6).
struct FeedbackFactor: Sendable {
  let gram: DampedGram
  /// The column that each position of the loop takes.
  let order: [Int]
  /// (width, width) by positions: B[k][i] / B[i][i] for k < i, 0 elsewhere.
  let ratios: [Float]
  /// B[i][i]² by position.
  let pivots: [Float]

  /// The damping tried at most is the first times 1,000.
  private static let attemptCount = 4

  /// - Returns: nil where all inputs were zero, or no damping made the matrix positive definite.
  init?(_ gram: Gram, damping: Double, order: MatrixEncoder.ColumnOrder) {
    var damping = damping
    for _ in 0..<Self.attemptCount {
      guard let damped = DampedGram(gram, damping: damping) else { return nil }
      let order = Self.positions(order, diagonal: damped.diagonal)
      if let lower = Self.reversed(damped, order: order).choleskyLower() {
        self.init(damped, order: order, reversedFactor: lower)
        return
      }
      damping = max(10 * damping, 0.001)
    }
    return nil
  }

  /// - Parameter reversedFactor: the lower factor of the matrix with its rows and columns in the opposite order.
  private init(_ gram: DampedGram, order: [Int], reversedFactor lower: Matrix) {
    let width = gram.width
    self.gram = gram
    self.order = order
    let diagonal = (0..<width).map { lower[width - 1 - $0, width - 1 - $0] }
    pivots = diagonal.map { Float($0 * $0) }
    let inverses = diagonal.map { 1 / $0 }
    var ratios = [Float](repeating: 0, count: width * width)
    for row in 0..<width {
      let source = (width - 1 - row) * width
      for column in row + 1..<max(row + 1, width) {
        ratios[row * width + column] = Float(lower.elements[source + width - 1 - column] * inverses[column])
      }
    }
    self.ratios = ratios
  }

  private static func positions(_ order: MatrixEncoder.ColumnOrder, diagonal: [Float]) -> [Int] {
    switch order {
    case .natural: Array(diagonal.indices)
    case .activation: diagonal.indices.sorted { (-diagonal[$0], $0) < (-diagonal[$1], $1) }
    }
  }

  private static func reversed(_ gram: DampedGram, order: [Int]) -> Matrix {
    let width = gram.width
    var matrix = Matrix(rowCount: width, columnCount: width)
    for row in 0..<width {
      let source = order[width - 1 - row] * width
      for column in 0...row {
        matrix.elements[row * width + column] = Double(gram.elements[source + order[width - 1 - column]])
      }
    }
    return matrix
  }
}
