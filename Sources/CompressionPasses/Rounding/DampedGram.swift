import LinearAlgebra

/// The Gram matrix of the inputs of a matrix as the loops use it: in single precision, scaled so that its mean diagonal
/// is 1, and damped.
struct DampedGram: Sendable {
  let width: Int
  /// (width, width), symmetric, with the ridge.
  let elements: [Float]
  /// What was added to each element of the diagonal. An input that was never anything but zero has 1, and is tied to no
  /// other.
  let ridge: [Float]
  /// The diagonal without the ridge.
  let diagonal: [Float]
  /// The mean squared change of the output that one unit of tr(E·elements·Eᵀ) stands for.
  let unit: Double

  /// - Parameter damping: share of the mean diagonal that is added to it.
  /// - Returns: nil where all inputs were zero.
  init?(_ gram: Gram, damping: Double) {
    let width = gram.width
    let trace = (0..<width).reduce(0.0) { $0 + gram.matrix[$1, $1] }
    let mean = trace / Double(width)
    guard gram.tokenCount > 0, mean > 0, mean.isFinite else { return nil }
    self.width = width
    unit = mean / Double(gram.tokenCount)
    var diagonal = [Float](repeating: 0, count: width)
    var ridge = diagonal
    var elements = [Float](repeating: 0, count: width * width)
    for index in elements.indices { elements[index] = Float(gram.matrix.elements[index] / mean) }
    for column in 0..<width {
      let place = column * width + column
      diagonal[column] = elements[place]
      ridge[column] = elements[place] == 0 ? 1 : Float(damping)
      elements[place] += ridge[column]
    }
    self.diagonal = diagonal
    self.ridge = ridge
    self.elements = elements
  }
}
