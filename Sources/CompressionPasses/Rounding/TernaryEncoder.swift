import Encodings
import Glibc
import Parallelism
import PassKit
import TensorCore

/// Turns floating-point matrices into ternary weights.
struct TernaryEncoder: Sendable {
  /// Below about this errors pile up in the last columns: more weights are other than zero, and no less is lost.
  static let defaultDamping = 0.3

  /// Says what is known of the inputs.
  let encoder: MatrixEncoder

  init(encoder: MatrixEncoder) { self.encoder = encoder }

  /// With damping for this rate.
  init(order: MatrixEncoder.ColumnOrder) {
    self.init(encoder: MatrixEncoder(method: .gptq, damping: Self.defaultDamping, order: order))
  }

  /// A matrix in its new encoding.
  struct Result: Sendable {
    let value: TernaryValue
    let zeroShare: Double
    /// Of `value`; it holds the bytes as well.
    let error: EncodedMatrixValue
  }

  /// With the kind of levels and at most the size that a plan says.
  /// - Parameter bound: with one level for the matrix, or a pair for each row.
  func encode(
    _ weights: [Float], shape: MatrixShape, to bound: TernaryEncoding, inputs: InputKnowledge, pool: WorkerPool
  ) throws(WeightFault) -> Result {
    switch bound.levels {
    case .matrix:
      try encode(weights, shape: shape, within: bound.layout(of: shape).byteCount, inputs: inputs, pool: pool)
    case .pair: try encode(weights, shape: shape, inputs: inputs, pool: pool)
    case .row: preconditionFailure("no pass plans one level per row")
    }
  }

  /// With one level for the whole matrix, as small as the size allows: the fewer weights are to be other than zero, the
  /// further out it lies. A level that leaves less than six tenths of them zero is never taken, because what lies beyond
  /// it is cut off and more is lost.
  /// - Parameters:
  ///   - weights: finite, of `shape`, row-major.
  ///   - limit: bytes of the value at most.
  ///   - inputs: without a Gram matrix there is no feedback.
  /// - Returns: the same on any number of threads.
  func encode(
    _ weights: [Float], shape: MatrixShape, within limit: Int, inputs: InputKnowledge, pool: WorkerPool
  ) throws(WeightFault) -> Result {
    let work = work(weights, shape, inputs, pool)
    let bitsPerWeight = 8 * Double(limit) / Double(shape.elementCount)
    let share = max(Self.fewestZeros, Self.zeroShare(entropy: bitsPerWeight / Self.codeOverhead))
    var level = try LevelSearch(work).level(zeroShare: share)
    var best: Result?
    for attempt in 0..<Self.attemptCount {
      let found = try pack(work, level: Self.stored(level))
      let byteCount = found.value.bytes.count, excess = Double(byteCount) / Double(limit) - 1
      if excess <= 0, byteCount > best?.value.bytes.count ?? -1 { best = found }
      if best != nil, attempt > 1 || excess <= 0 && (excess > -0.01 || share == Self.fewestZeros) { break }
      level *= Float(1 + 0.7 * excess + (excess > 0 ? 0.002 : 0))
    }
    // A level of zero stands for zeros only, which fit in any case.
    return if let best { best } else { try pack(work, level: 0) }
  }

  /// With the least and the largest weight of each row as the values of −1 and +1, as QMoE has it; whatever size that
  /// gives.
  func encode(
    _ weights: [Float], shape: MatrixShape, inputs: InputKnowledge, pool: WorkerPool
  ) throws(WeightFault) -> Result {
    let width = shape.inputCount
    let levels = (0..<shape.outputCount).flatMap { row in
      let weights = weights[row * width..<(row + 1) * width]
      return [min(0, weights.min() ?? 0), max(0, weights.max() ?? 0)].map(Self.stored)
    }
    return try pack(work(weights, shape, inputs, pool), levels: levels, .pair) { source in
      let rows = 0..<source.laneCount
      return TernaryRounder(
        width: width,
        up: rows.map { $0 < source.rows.count ? levels[2 * (source.rows.lowerBound + $0) + 1] : 0 },
        down: rows.map { $0 < source.rows.count ? -levels[2 * (source.rows.lowerBound + $0)] : 0 })
    }
  }

  /// Times at most that the size is brought nearer to its limit.
  private static let attemptCount = 12
  private static let fewestZeros = 0.6
  /// What the code and the ends of its streams need above the entropy, about.
  private static let codeOverhead = 1.015

  private func work(
    _ weights: [Float], _ shape: MatrixShape, _ inputs: InputKnowledge, _ pool: WorkerPool
  ) -> MatrixWork {
    MatrixWork(
      weights: weights, shape: shape, pattern: nil, masks: nil,
      statistics: encoder.statistics(inputs, width: shape.inputCount), sweepCount: 0, pool: pool)
  }

  private func pack(_ work: MatrixWork, level: Float) throws(WeightFault) -> Result {
    try pack(work, levels: [level], .matrix) {
      TernaryRounder(width: work.shape.inputCount, level: level, laneCount: $0.laneCount)
    }
  }

  private func pack(
    _ work: MatrixWork, levels: [Float], _ kind: TernaryEncoding.Levels,
    with rounder: @Sendable (MatrixWork.Source) -> TernaryRounder
  ) throws(WeightFault) -> Result {
    let rounded = try work.round(with: rounder)
    let symbols = Array(rounded.parts.joined())
    let value = TernaryPacker.pack(symbols: symbols.span, shape: work.shape, levels: levels.span, kind: kind)
    return Result(
      value: value, zeroShare: rounded.zeroShare,
      error: EncodedMatrixValue(
        bytes: value.bytes, squaredError: rounded.squaredError, outputError: rounded.outputError,
        lacksFeedback: work.statistics.lacksFactor))
  }

  static func stored(_ level: Float) -> Float {
    HalfPrecision.float(fromFloat16Bits: HalfPrecision.float16Bits(min(max(level, -65_504), 65_504)))
  }

  /// The entropy of a symbol, in bits, when signs are even.
  private static func entropy(zeroShare p: Double) -> Double {
    let q = 1 - p
    return q + (p > 0 ? -p * log2(p) : 0) + (q > 0 ? -q * log2(q) : 0)
  }

  /// The share of zeros, at least a third, at which symbols have an entropy.
  private static func zeroShare(entropy: Double) -> Double {
    var low = 1.0 / 3, high = 1.0
    for _ in 0..<40 {
      let middle = (low + high) / 2
      if self.entropy(zeroShare: middle) > entropy { low = middle } else { high = middle }
    }
    return high
  }
}

/// Looks for the level that leaves a share of zeros, on some tiles that stand for all.
private struct LevelSearch {
  private let work: MatrixWork
  private let deviation: Float

  private static let sampleTileCount = 2
  /// Deviations of the weights between which levels lie, and halvings of that interval on a logarithmic scale.
  private static let bounds: (Float, Float) = (0.25, 24)
  private static let halvingCount = 12

  init(_ work: MatrixWork) {
    self.work = work
    let square = work.weights.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(work.weights.count)
    deviation = Float(square.squareRoot())
  }

  func level(zeroShare: Double) throws(WeightFault) -> Float {
    var (low, high) = Self.bounds
    for _ in 0..<Self.halvingCount {
      let middle = (low * high).squareRoot()
      if try share(level: middle * deviation) < zeroShare { low = middle } else { high = middle }
    }
    return (low * high).squareRoot() * deviation
  }

  private func share(level: Float) throws(WeightFault) -> Double {
    let tileCount = work.tileCount(of: TernaryRounder.self), step = max(1, tileCount / Self.sampleTileCount)
    let tiles = Array(stride(from: 0, to: tileCount, by: step).prefix(Self.sampleTileCount))
    let width = work.shape.inputCount
    return try work.round(tiles) { TernaryRounder(width: width, level: level, laneCount: $0.laneCount) }.zeroShare
  }
}

extension MatrixWork.Rounded<[Int8]> {
  /// The share of zeros among the symbols of all parts.
  fileprivate var zeroShare: Double {
    let count = parts.reduce(0) { $0 + $1.count }
    return Double(parts.reduce(0) { $0 + $1.count { $0 == 0 } }) / Double(count)
  }
}
