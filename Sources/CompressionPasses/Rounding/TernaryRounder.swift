import TensorCore

/// Symbols −1, 0 and +1, each row with one value for the first and one for the last.
///
/// A target becomes the value nearest to it. With a step far above the deviation of the weights most of them become zero,
/// and the errors they leave go on to later columns: QMoE (arXiv 2310.16795, §4).
struct TernaryRounder: ColumnRounder {
  let width: Int
  let laneCount: Int
  /// The value of +1, and what is subtracted for −1; (laneCount) each.
  private let up: [Float]
  private let down: [Float]
  /// (width, laneCount)
  private var symbols: [Int8]

  /// - Parameters:
  ///   - up: per row of the tile; a row with 0, or without weights, has zeros only.
  ///   - down: the same.
  init(width: Int, up: [Float], down: [Float]) {
    self.width = width
    laneCount = up.count
    self.up = up.map { $0 > 0 ? $0 : .infinity }
    self.down = down.map { $0 > 0 ? $0 : .infinity }
    symbols = [Int8](repeating: 0, count: width * laneCount)
  }

  /// With one level for all rows.
  init(width: Int, level: Float, laneCount: Int) {
    let levels = [Float](repeating: level, count: laneCount)
    self.init(width: width, up: levels, down: levels)
  }

  var columnsPerGroup: Int { 1 }

  mutating func round(_ targets: Span<Float>, column: Int, into values: inout MutableSpan<Float>) {
    let first = column * laneCount
    for lane in 0..<laneCount {
      let isUp = targets[lane] > 0.5 * up[lane], isDown = targets[lane] < -0.5 * down[lane]
      symbols[first &+ lane] = isUp ? 1 : isDown ? -1 : 0
      values[lane] = isUp ? up[lane] : isDown ? -down[lane] : 0
    }
  }

  /// (rowCount, width), row by row.
  func part(rowCount: Int, values: Span<Float>, places: KeptPlaces?) -> [Int8] {
    var rows: [Int8] = []
    rows.reserveCapacity(rowCount * width)
    for row in 0..<rowCount {
      for column in 0..<width { rows.append(symbols[column &* laneCount &+ row]) }
    }
    return rows
  }
}
