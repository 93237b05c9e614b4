import Encodings
import LinearAlgebra
import Parallelism
import TensorCore

/// Sparsity between two block-diagonal matrices, W ≈ A·C·B with C sparse (ARMOR, arXiv 2510.05528).
///
/// The paper lowers the error weighted by the inputs' mean squares with Adam. Here the objective is the whole change of
/// the output, tr((W − A·C·B)·G·(W − A·C·B)ᵀ) with the damped Gram matrix G, and each of the three factors is in turn
/// set to its optimum, or nearer to it, while the others rest: no step can raise it, and no step size is to be chosen.
public enum Armor {
  public struct Options: Sendable {
    /// Rows and columns of a block of A and B; divides rows and columns of the matrix.
    public var blockElementCount: Int
    /// Rounds over C, A and B at most; it ends sooner where a round gains less than a thousandth.
    public var iterationCount: Int
    /// Share of the mean of the Gram matrix's diagonal that is added to it.
    public var damping: Double

    public init(blockElementCount: Int = 32, iterationCount: Int = 24, damping: Double = 0.01) {
      self.blockElementCount = blockElementCount
      self.iterationCount = iterationCount
      self.damping = damping
    }
  }

  /// Whether the sets of places of `pattern` are few enough to be tried all.
  public static func accepts(_ pattern: SparsePattern) -> Bool { pattern.setCount <= largestSetCount }

  /// Sets of places a pattern may have: those of 4:8.
  public static let largestSetCount = 70

  /// Finds the three factors.
  /// - Parameters:
  ///   - weights: finite, of `shape`, row-major.
  ///   - gram: of the matrix's inputs; where no token came by, all inputs count the same.
  ///   - pattern: divides the rows; see ``accepts(_:)``.
  /// - Returns: the same on any number of threads.
  public static func sparsify(
    _ weights: [Float], shape: MatrixShape, gram: Gram, pattern: SparsePattern, options: Options, pool: WorkerPool
  ) -> ArmorResult {
    precondition(
      shape.outputCount % options.blockElementCount == 0 && shape.inputCount % options.blockElementCount == 0
        && shape.inputCount % pattern.group == 0 && accepts(pattern))
    let fit = ArmorFit(
      weights, shape: shape, metric: metric(gram, damping: options.damping), block: options.blockElementCount,
      pattern: pattern, pool: pool)
    return fit.run(iterationCount: options.iterationCount)
  }

  /// Bytes that ``sparsify(_:shape:gram:pattern:options:pool:)`` works in at most, the weights given to it included, the
  /// Gram matrix not.
  static func workingByteCount(of shape: MatrixShape, pattern: SparsePattern, block: Int, threadCount: Int) -> Int {
    // Weights as given and turned, the core, the best one and the one being made, its tiles and their joint; of every
    // tile the product, its transpose and the slope.
    let matrices = 7 + 3
    // The metric as it is, as the core sees it, on the way there, and in vectors.
    let squares = 5
    // The parts of a tile in double precision or turned.
    let tiles = 8 * threadCount
    let maskByteCount = 4 * shape.elementCount / pattern.group * MemoryLayout<UInt16>.size
    let tableByteCount =
      shape.inputCount / pattern.group * (pattern.group + pattern.setCount * pattern.kept)
      * MemoryLayout<SIMD16<Float>>.size
    let columns = squares * shape.inputCount + tiles * block
    return maskByteCount + tableByteCount
      + (matrices * shape.elementCount + columns * shape.inputCount) * MemoryLayout<Float>.size
  }

  /// (width, width), scaled so that its mean diagonal is about 1.
  private static func metric(_ gram: Gram, damping: Double) -> [Float] {
    if let damped = DampedGram(gram, damping: damping) { return damped.elements }
    var unit = [Float](repeating: 0, count: gram.width * gram.width)
    for index in 0..<gram.width { unit[index * gram.width + index] = 1 }
    return unit
  }
}

/// The factors of A·C·B.
public struct ArmorResult: Sendable {
  /// (outputCount, block): row r holds its row of the block of A it lies in.
  public let outputBlocks: [Float]
  /// (outputCount, groups), bit p for place p of the group.
  public let masks: [UInt16]
  /// (outputCount, groups · kept): the kept elements of C, in the order of their places.
  public let keptValues: [Float]
  /// (inputCount, block): row j holds its row of the block of B it lies in.
  public let inputBlocks: [Float]
  /// The objective over tr(W·G·Wᵀ), with the largest w²·G_jj of each group kept and A and B the unit matrix.
  public let lossBefore: Double
  /// The same in the end; never above `lossBefore`.
  public let lossAfter: Double
}
