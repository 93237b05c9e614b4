import Encodings
import LinearAlgebra
import Parallelism
import PassKit
import TensorCore

/// Turns a floating-point matrix into a leaf or sparse encoding, seeing the inputs it will multiply.
///
/// One encoder is to be used for the matrices of a block: matrices that share a Gram matrix share its factor.
public struct MatrixEncoder: Sendable {
  /// How codes and scales are chosen.
  public enum Method: String, CaseIterable, Sendable {
    /// Round to nearest, with a search for the scale of each group; nothing is known of the inputs.
    case rtn
    /// The same, each column's error weighted by its mean square.
    case imatrix
    /// Each column takes up the errors of those before it (arXiv 2210.17323).
    case gptq
  }

  /// In which order the columns are rounded.
  public enum ColumnOrder: String, CaseIterable, Sendable {
    case natural
    /// Inputs with the largest mean square first.
    case activation
  }

  public let method: Method
  /// Share of the mean of the Gram matrix's diagonal that is added to it.
  public let damping: Double
  public let order: ColumnOrder
  /// Sweeps of refinement after the feedback loop.
  let sweepCount: Int

  private let cache = FactorCache()

  public init(method: Method, damping: Double = 0.01, order: ColumnOrder = .activation) {
    self.init(method: method, damping: damping, order: order, sweepCount: 2)
  }

  init(method: Method, damping: Double = 0.01, order: ColumnOrder = .activation, sweepCount: Int) {
    self.method = method
    self.damping = damping
    self.order = order
    self.sweepCount = sweepCount
  }

  /// Whether a matrix of `shape` can be given `encoding`: dense, grouped, trellis, or sparse of one of these, where a
  /// group must be a multiple of what the pattern keeps, so that it lies in the same columns of every row.
  public static func canMake(_ encoding: Encoding, of shape: MatrixShape) -> Bool {
    guard encoding.accepts(shape) else { return false }
    switch encoding {
    case .dense, .grouped, .trellis: return true
    case .sparse(_, .dense): return true
    case .sparse(let pattern, .grouped(let grouped)): return grouped.groupElementCount % pattern.kept == 0
    case .ternary, .sparse, .lowRank, .sum, .wrapped: return false
    }
  }

  /// Encodes a matrix.
  /// - Parameters:
  ///   - weights: finite, of `shape`, row-major.
  ///   - encoding: one that ``canMake(_:of:)``.
  ///   - inputs: gptq needs the Gram matrix, without which it does what imatrix does; imatrix needs mean squares,
  ///     without which it does what rtn does.
  ///   - masks: for a sparse encoding the sets of places to keep, (outputCount, inputCount / group), bit p for place p;
  ///     nil to choose them (gptq as SparseGPT does, arXiv 2301.00774, imatrix as Wanda, arXiv 2306.11695, rtn by
  ///     magnitude).
  /// - Throws: for a weight that a dense type cannot hold.
  /// - Returns: the same bytes on any number of threads.
  public func encode(
    _ weights: [Float], shape: MatrixShape, to encoding: Encoding, inputs: InputKnowledge, masks: [UInt16]? = nil,
    pool: WorkerPool
  ) throws(WeightFault) -> EncodedMatrixValue {
    precondition(Self.canMake(encoding, of: shape) && weights.count == shape.elementCount)
    let (leaf, pattern): (Encoding, SparsePattern?) =
      if case .sparse(let pattern, let values) = encoding { (values, pattern) } else { (encoding, nil) }
    let work = MatrixWork(
      weights: weights, shape: shape, pattern: pattern, masks: masks,
      statistics: statistics(inputs, width: shape.inputCount, choosesPlaces: pattern != nil && masks == nil,
        leaf: leaf),
      sweepCount: leaf.gainsFromSweeps ? sweepCount : 0, pool: pool)
    switch leaf {
    case .dense(let type):
      return try work.encode(to: encoding) { tile in
        DenseRounder(type: type, width: shape.inputCount, laneCount: tile.laneCount)
      }
    case .grouped(let grouped):
      return try work.encode(to: encoding) { tile in
        GroupedRounder(
          encoding: grouped, width: shape.inputCount, laneCount: tile.laneCount,
          importance: work.statistics.importance, weights: tile.weights.span, places: tile.places)
      }
    case .trellis(let trellis):
      let spread = TrellisRounder.spread(trellis, feedback: work.statistics.factor)
      return try work.encode(to: encoding) { tile in
        TrellisRounder(
          encoding: trellis, width: shape.inputCount, laneCount: tile.laneCount, rowCount: tile.rows.count,
          weights: tile.weights.span, spread: spread)
      }
    case .ternary, .sparse, .lowRank, .sum, .wrapped:
      preconditionFailure("\(encoding.text) is not a leaf")
    }
  }

  /// What the method may know of the inputs.
  func statistics(
    _ inputs: InputKnowledge, width: Int, choosesPlaces: Bool = false, leaf: Encoding? = nil
  ) -> InputStatistics {
    let even = [Float](repeating: 1, count: width)
    guard case .gram(let gram) = inputs, gram.tokenCount > 0, let undamped = cache.undamped(gram) else {
      guard case .meanSquares(let means) = inputs, means.contains(where: { $0 > 0 }) else {
        return InputStatistics(importance: even)
      }
      return InputStatistics(importance: method == .rtn ? even : means, meanSquares: means)
    }
    var statistics = InputStatistics(importance: method == .rtn ? even : undamped.diagonal, gram: undamped)
    guard method == .gptq else { return statistics }
    if choosesPlaces {
      // Places are chosen among neighbours. What a floating-point type rounds away needs no feedback of its own.
      statistics.placesFactor = cache.factor(of: gram, damping: damping, order: .natural)
      statistics.lacksFactor = statistics.placesFactor == nil
      if leaf?.isDense == true { return statistics }
    }
    statistics.factor = cache.factor(of: gram, damping: damping, order: order)
    statistics.lacksFactor = statistics.factor == nil
    return statistics
  }
}

/// What the loops know of the inputs of a matrix.
struct InputStatistics: Sendable {
  /// The weight of each column's squared error.
  var importance: [Float]
  var meanSquares: [Float]? = nil
  /// Not damped; in which the error of the output is measured.
  var gram: DampedGram? = nil
  /// Present when there is to be feedback.
  var factor: FeedbackFactor? = nil
  /// In natural order; present when places are to be chosen as well.
  var placesFactor: FeedbackFactor? = nil
  var lacksFactor = false
}
