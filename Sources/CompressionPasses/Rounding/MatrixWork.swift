import Encodings
import Parallelism
import PassKit
import TensorCore

/// One matrix, cut into tiles of rows that are shared out to threads. The cuts depend on the shape alone.
struct MatrixWork: Sendable {
  let weights: [Float]
  let shape: MatrixShape
  let pattern: SparsePattern?
  /// (outputCount, inputCount / group) of the pattern; nil where they are to be chosen.
  let masks: [UInt16]?
  let statistics: InputStatistics
  let sweepCount: Int
  let pool: WorkerPool

  /// A tile before it has a rounder.
  struct Source: Sendable {
    let rows: Range<Int>
    let laneCount: Int
    /// (inputCount, laneCount)
    let weights: [Float]
    let places: KeptPlaces?
    /// Whether the weights are no longer those of the matrix.
    var isDerived = false
  }

  private struct Result<Part: Sendable>: Sendable {
    let part: Part
    let masks: [UInt16]
    let squaredError: Double
    let outputError: Double
  }

  /// What tiles became, in order.
  struct Rounded<Part: Sendable>: Sendable {
    let parts: [Part]
    /// Rows of each tile.
    let masks: [[UInt16]]
    let squaredError: Double
    let outputError: Double
  }

  func tileCount<Rounder: ColumnRounder>(of rounder: Rounder.Type) -> Int {
    (shape.outputCount + Rounder.tileRowCount - 1) / Rounder.tileRowCount
  }

  /// Rounds all tiles and joins what they make.
  func encode<Rounder: PlannedRounder>(
    to encoding: Encoding, with rounder: @Sendable (Source) -> Rounder
  ) throws(WeightFault) -> EncodedMatrixValue {
    let rounded = try round(with: rounder)
    var bytes = Rounder.bytes(of: rounded.parts)
    if let pattern {
      var packer = SparsePlacesPacker(
        pattern: pattern, inputCount: shape.inputCount, expectedRowCount: shape.outputCount)
      let groupCount = shape.inputCount / pattern.group
      for masks in rounded.masks {
        for first in stride(from: 0, to: masks.count, by: groupCount) {
          packer.append(masks: masks.span.extracting(first..<first + groupCount))
        }
      }
      bytes = CompositeValue.bytes(of: encoding, shape: shape, places: packer.finish(), parts: [bytes])
    }
    return EncodedMatrixValue(
      bytes: bytes, squaredError: rounded.squaredError, outputError: rounded.outputError,
      lacksFeedback: statistics.lacksFactor)
  }

  /// Rounds tiles, all of them or those with these numbers.
  func round<Rounder: ColumnRounder>(
    _ tiles: [Int]? = nil, with rounder: @Sendable (Source) -> Rounder
  ) throws(WeightFault) -> Rounded<Rounder.Part> {
    let tiles = tiles ?? Array(0..<tileCount(of: Rounder.self))
    let results: [Result<Rounder.Part>]
    do {
      results = try pool.map(tiles.count) {
        try encode(source(tiles[$0], tileRowCount: Rounder.tileRowCount), with: rounder)
      }
    } catch let fault as WeightFault {
      throw fault
    } catch {
      preconditionFailure("tiles throw weight faults only")
    }
    return Rounded(
      parts: results.map(\.part), masks: results.map(\.masks),
      squaredError: results.reduce(0) { $0 + $1.squaredError }, outputError: results.reduce(0) { $0 + $1.outputError })
  }

  private func encode<Rounder: ColumnRounder>(
    _ source: Source, with rounder: (Source) -> Rounder
  ) throws(WeightFault) -> Result<Rounder.Part> {
    let decided = deciding(source)
    var tile = WeightTile(
      weights: decided.weights, rowCount: source.rows.count, laneCount: source.laneCount, rounder: rounder(decided),
      places: decided.places)
    if let factor = statistics.factor {
      tile.feedBack(factor)
      for _ in 0..<sweepCount { tile.refine(factor.gram) }
    } else {
      tile.roundToNearest()
    }
    if decided.isDerived {
      tile.weights = source.weights
      if statistics.factor != nil, sweepCount > 0, let gram = statistics.gram { tile.refine(gram) }
    }
    if let place = Finiteness.firstNonFinite(in: tile.values.span), let type = (tile.rounder as? DenseRounder)?.type {
      let column = place / source.laneCount, row = source.rows.lowerBound + place % source.laneCount
      throw WeightFault(
        kind: .tooLarge(for: type), row: row, column: column, value: weights[row * shape.inputCount + column])
    }
    let squaredError = tile.squaredError()
    let outputError =
      statistics.gram.map { tile.outputError($0) * $0.unit }
      ?? statistics.meanSquares.map { tile.squaredError(importance: $0) } ?? squaredError
    return Result(
      part: tile.rounder.part(rowCount: tile.rowCount, values: tile.values.span, places: tile.places),
      masks: tile.places?.rows(tile.rowCount) ?? [], squaredError: squaredError, outputError: outputError)
  }

  /// The tile with its places decided and the weights that are best for them: with feedback, what is kept makes up for
  /// what is not.
  private func deciding(_ source: Source) -> Source {
    guard let places = source.places, places.isOpen else { return source }
    guard let factor = statistics.placesFactor else {
      var places = places
      let width = places.pattern.group
      for first in stride(from: 0, to: shape.inputCount, by: width) {
        places.choose(
          first / width,
          by: source.weights.span.extracting(first * source.laneCount..<(first + width) * source.laneCount),
          importance: statistics.importance.span.extracting(first..<first + width))
      }
      return Source(
        rows: source.rows, laneCount: source.laneCount, weights: source.weights, places: places.decided)
    }
    var tile = WeightTile(
      weights: source.weights, rowCount: source.rows.count, laneCount: source.laneCount,
      rounder: DenseRounder(type: .f32, width: shape.inputCount, laneCount: source.laneCount), places: places)
    tile.feedBack(factor)
    for _ in 0..<sweepCount { tile.refine(factor.gram) }
    tile.places = tile.places?.decided
    if let gram = statistics.gram {
      for _ in 0..<sweepCount { tile.refine(gram) }
    }
    return Source(
      rows: source.rows, laneCount: source.laneCount, weights: tile.values, places: tile.places,
      isDerived: true)
  }

  private func source(_ index: Int, tileRowCount: Int) -> Source {
    let rows = index * tileRowCount..<min(shape.outputCount, (index + 1) * tileRowCount)
    let laneCount = min(tileRowCount, (shape.outputCount + 15) / 16 * 16)
    let width = shape.inputCount
    var columns = [Float](repeating: 0, count: width * laneCount)
    for row in rows {
      let lane = row - rows.lowerBound, first = row * width
      for column in 0..<width { columns[column &* laneCount &+ lane] = weights[first &+ column] }
    }
    let places = pattern.map { pattern in
      guard let masks else { return KeptPlaces(choosing: pattern, width: width, laneCount: laneCount) }
      let groupCount = width / pattern.group
      return KeptPlaces(
        pattern, rows: masks[rows.lowerBound * groupCount..<rows.upperBound * groupCount], width: width,
        laneCount: laneCount)
    }
    return Source(rows: rows, laneCount: laneCount, weights: columns, places: places)
  }
}
