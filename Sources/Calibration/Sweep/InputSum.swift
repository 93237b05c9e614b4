import LinearAlgebra
import Parallelism
import PassKit

/// What is summed up over the rows that arrive at one tap.
struct InputSum {
  /// Rows that are gathered before they go into a Gram matrix together.
  private static let gatheredRowCount = 2_048

  private let width: Int
  private(set) var tokenCount = 0
  /// Σ x·xᵀ; nil where only squares are wanted.
  private(set) var gram: Gram?
  /// Σ x² per element, where that is all.
  private var squares: [Double]
  /// Rows that are not in the Gram matrix yet.
  private var gathered: [Float] = []

  init(width: Int, need: CalibrationNeed) {
    self.width = width
    gram = need == .gram ? Gram(width: width) : nil
    squares = need == .gram ? [] : [Double](repeating: 0, count: width)
  }

  /// Bytes that one takes at most.
  static func byteCount(width: Int, need: CalibrationNeed) -> Int {
    switch need {
    case .none: 0
    case .meanSquares: width * MemoryLayout<Double>.size
    case .gram: Gram.byteCount(width: width) + gatheredRowCount * width * MemoryLayout<Float>.size
    }
  }

  /// Adds the rows of `x`, (count, width).
  mutating func add(_ x: Span<Float>, tokenCount count: Int, pool: WorkerPool) {
    tokenCount += count
    guard gram != nil else {
      for row in 0..<count { addSquares(of: x.extracting(row * width..<(row + 1) * width)) }
      return
    }
    var row = 0
    while row < count {
      let part = row..<min(count, row + Self.gatheredRowCount - gathered.count / width)
      gather(x.extracting(part.lowerBound * width..<part.upperBound * width))
      if gathered.count == Self.gatheredRowCount * width { finish(pool: pool) }
      row = part.upperBound
    }
  }

  /// Brings in what was gathered; to be called after the last row.
  mutating func finish(pool: WorkerPool) {
    guard !gathered.isEmpty else { return }
    var rows: [Float] = []
    swap(&rows, &gathered)
    gram?.add(rows.span, tokenCount: rows.count / width, pool: pool)
    rows.removeAll(keepingCapacity: true)
    gathered = rows
  }

  /// Mean of x² per element; zero where nothing was summed.
  var meanSquares: [Float] {
    gram?.meanSquares ?? squares.map { tokenCount == 0 ? 0 : Float($0 / Double(tokenCount)) }
  }

  var isFinite: Bool { gram?.isFinite ?? squares.allSatisfy(\.isFinite) }

  private mutating func addSquares(of row: Span<Float>) {
    var sums = squares.mutableSpan
    for index in row.indices { sums[index] += Double(row[index]) * Double(row[index]) }
  }

  private mutating func gather(_ rows: Span<Float>) {
    let start = gathered.count
    gathered.append(contentsOf: repeatElement(0, count: rows.count))
    var copies = gathered.mutableSpan
    for index in rows.indices { copies[start &+ index] = rows[index] }
  }
}
