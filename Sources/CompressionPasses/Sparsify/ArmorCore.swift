import Encodings

/// One sweep over the groups of the core C: each group in turn gets the places and values that are best while all other
/// elements rest. What changes in a row moves the targets of the rest of the row, and of the later rows of its block.
struct ArmorCore: Sendable {
  let pattern: SparsePattern
  private let width: Int
  private let vectorCount: Int
  /// B·G·Bᵀ, (width, vectorCount).
  private let metric: [SIMD16<Float>]
  /// By group the part of the metric between its places, (groups, group).
  private let within: [SIMD16<Float>]
  /// By group and set the inverse of the part of the metric between the places of the set, zero elsewhere:
  /// (groups, sets, kept).
  private let inverses: [SIMD16<Float>]
  private let masks: [UInt16]
  /// The places of each set, (sets, kept).
  private let places: [Int]

  /// - Parameter metric: (width, width), symmetric, positive definite.
  init(_ metric: [Float], width: Int, pattern: SparsePattern) {
    self.pattern = pattern
    self.width = width
    vectorCount = (width + 15) / 16
    self.metric = ArmorCore.vectors(metric, rowCount: width)
    masks = pattern.masks
    places = masks.flatMap { mask in (0..<pattern.group).filter { mask >> UInt16($0) & 1 == 1 } }
    var within: [SIMD16<Float>] = []
    var inverses: [SIMD16<Float>] = []
    for first in stride(from: 0, to: width, by: pattern.group) {
      for row in first..<first + pattern.group {
        var vector = SIMD16<Float>()
        for place in 0..<pattern.group { vector[place] = metric[row * width + first + place] }
        within.append(vector)
      }
      for set in masks.indices {
        let columns = places[set * pattern.kept..<(set + 1) * pattern.kept]
        let inverse = Self.inverse(
          columns.map { row in columns.map { Double(metric[(first + row) * width + first + $0]) } })
        for row in inverse {
          var vector = SIMD16<Float>()
          for (place, element) in zip(columns, row) { vector[place] = Float(element) }
          inverses.append(vector)
        }
      }
    }
    self.within = within
    self.inverses = inverses
  }

  /// - Parameters:
  ///   - core: (rows, width), a block of rows of C; zero where not kept.
  ///   - kept: (rows, groups), its masks.
  ///   - gradient: (rows, width), Aᵀ·E·G·Bᵀ of these rows.
  ///   - coupling: Aᵀ·A of the block, (rows, rows).
  func sweep(_ core: inout [Float], _ kept: inout [UInt16], gradient: [Float], coupling: [Float]) {
    let rowCount = core.count / width
    var gradient = Self.vectors(gradient, rowCount: rowCount)
    for row in 0..<rowCount {
      let own = coupling[row * rowCount + row]
      guard own > 0 else { continue }
      let first = row * vectorCount
      var slope = Array(gradient[first..<first + vectorCount])
      sweep(row, &core, &kept, &slope, own: own)
      for other in row + 1..<max(row + 1, rowCount) {
        let factor = coupling[other * rowCount + row] / own
        for index in 0..<vectorCount {
          gradient[other &* vectorCount &+ index] += factor * (slope[index] - gradient[first &+ index])
        }
      }
    }
  }

  /// - Parameter slope: the gradient along the row; kept up to date.
  private func sweep(
    _ row: Int, _ core: inout [Float], _ kept: inout [UInt16], _ slope: inout [SIMD16<Float>], own: Float
  ) {
    let group = pattern.group, setSize = pattern.kept, groupCount = width / group
    for number in 0..<groupCount {
      let base = number &* group, start = row &* width &+ base
      var old = SIMD16<Float>(), pull = SIMD16<Float>()
      for place in 0..<group {
        old[place] = core[start &+ place]
        pull[place] += slope[(base &+ place) >> 4][(base &+ place) & 15] / own
        pull += old[place] * within[base &+ place]
      }
      var best = SIMD16<Float>()
      var bestGain = -Float.infinity, bestSet = -1
      for set in masks.indices {
        let table = (number &* masks.count &+ set) &* setSize
        var values = SIMD16<Float>()
        for index in 0..<setSize { values += pull[places[set &* setSize &+ index]] * inverses[table &+ index] }
        let gain = (values * pull).sum()
        if gain > bestGain { (best, bestGain, bestSet) = (values, gain, set) }
      }
      guard bestSet >= 0 else { continue }
      kept[row &* groupCount &+ number] = masks[bestSet]
      for place in 0..<group { core[start &+ place] = best[place] }
      let change = own * (best - old)
      for place in stride(from: 0, to: group, by: 4) { subtract(change, place, base: base, from: &slope) }
    }
  }

  /// Takes `change` times the rows of the metric of four places from `slope`.
  private func subtract(_ change: SIMD16<Float>, _ place: Int, base: Int, from slope: inout [SIMD16<Float>]) {
    // Past the end of the group the change is zero, whatever the row.
    let last = pattern.group - 1
    let rows = (
      base + place, base + min(place + 1, last), base + min(place + 2, last), base + min(place + 3, last)
    )
    let (a, b) = (change[place], Self.lane(change, place + 1))
    let (c, d) = (Self.lane(change, place + 2), Self.lane(change, place + 3))
    for index in 0..<vectorCount {
      let near = a * metric[rows.0 &* vectorCount &+ index] + b * metric[rows.1 &* vectorCount &+ index]
      let far = c * metric[rows.2 &* vectorCount &+ index] + d * metric[rows.3 &* vectorCount &+ index]
      slope[index] -= near + far
    }
  }

  private static func lane(_ vector: SIMD16<Float>, _ index: Int) -> Float { index < 16 ? vector[index] : 0 }

  /// The rows as vectors, the last of each filled up with zeros.
  private static func vectors(_ x: [Float], rowCount: Int) -> [SIMD16<Float>] {
    let width = x.count / rowCount, vectorCount = (width + 15) / 16
    var result = [SIMD16<Float>](repeating: SIMD16(), count: rowCount * vectorCount)
    for row in 0..<rowCount {
      for column in 0..<width { result[row &* vectorCount &+ column >> 4][column & 15] = x[row &* width &+ column] }
    }
    return result
  }

  /// The inverse of a small positive definite matrix, by Gauss and Jordan.
  private static func inverse(_ matrix: [[Double]]) -> [[Double]] {
    var a = matrix
    let count = a.count
    for pivot in 0..<count {
      let factor = 1 / a[pivot][pivot]
      a[pivot][pivot] = 1
      for column in 0..<count { a[pivot][column] *= factor }
      for row in 0..<count where row != pivot {
        let share = a[row][pivot]
        a[row][pivot] = 0
        for column in 0..<count { a[row][column] -= share * a[pivot][column] }
      }
    }
    return a
  }
}
