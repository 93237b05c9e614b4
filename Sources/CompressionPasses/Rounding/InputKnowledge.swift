import LinearAlgebra

/// What is known about the inputs that a matrix will multiply.
public enum InputKnowledge: Sendable {
  case none
  /// Mean of x² per input element.
  case meanSquares([Float])
  /// Σ x·xᵀ over the calibration tokens.
  case gram(Gram)

  /// The weight of the squared error of each column, nil when nothing is known: mean squares, all zero where no token
  /// came by.
  public var meanSquares: [Float]? {
    switch self {
    case .none: nil
    case .meanSquares(let means): means
    case .gram(let gram): gram.meanSquares
    }
  }
}
