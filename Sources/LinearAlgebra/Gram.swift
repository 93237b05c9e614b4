import Parallelism

/// Σ x·xᵀ over rows x of `width` elements, summed in single precision within a batch and in double precision across.
public struct Gram: Sendable, Equatable {
  public let width: Int
  /// Rows summed.
  public private(set) var tokenCount = 0
  /// (width, width), symmetric.
  public private(set) var matrix: Matrix

  public init(width: Int) {
    self.width = width
    matrix = Matrix(rowCount: width, columnCount: width)
  }

  /// - Parameter matrix: symmetric, the sum over `tokenCount` rows.
  public init(_ matrix: Matrix, tokenCount: Int) {
    precondition(matrix.rowCount == matrix.columnCount)
    width = matrix.rowCount
    self.matrix = matrix
    self.tokenCount = tokenCount
  }

  /// Bytes that one of `width` occupies.
  public static func byteCount(width: Int) -> Int { width * width * MemoryLayout<Double>.size }

  /// Adds Σ x·xᵀ over the rows of `x`, (tokenCount, width).
  ///
  /// Few rows at a time are slow, because every call goes over the whole matrix. The result depends on how rows are cut
  /// into calls, in the last digits of a single-precision sum, but not on the number of threads.
  public mutating func add(_ x: Span<Float>, tokenCount count: Int, pool: WorkerPool) {
    precondition(x.count == count * width)
    let width = width
    let tiles = GramTile.upperTriangle(width: width)
    unsafe matrix.elements.withUnsafeMutableBufferPointer { elements in
      let sum = unsafe GramSum(elements: elements, width: width)
      pool.forEach(tiles.count) { index in
        for first in stride(from: 0, to: count, by: GramTile.batchTokenCount) {
          let batch = first..<min(count, first + GramTile.batchTokenCount)
          let rows = x.extracting(batch.lowerBound * width..<batch.upperBound * width)
          unsafe sum.add(tiles[index].product(of: rows, tokenCount: batch.count, width: width), at: tiles[index])
        }
        unsafe sum.mirror(tiles[index])
      }
    }
    tokenCount += count
  }

  /// Mean of x² per element; zero where nothing was summed.
  public var meanSquares: [Float] {
    (0..<width).map { tokenCount == 0 ? 0 : Float(matrix[$0, $0] / Double(tokenCount)) }
  }

  /// Whether every sum is finite: an element of a row that was not shows on the diagonal.
  public var isFinite: Bool { (0..<width).allSatisfy { matrix[$0, $0].isFinite } }

  /// The Gram matrix of V·x for V (rowCount, width).
  public func mapped(by v: Matrix) -> Gram {
    let product = Matrix.product(Matrix.product(v, matrix), v, transposingB: true)
    return Gram(product, tokenCount: tokenCount)
  }
}

/// A part of a Gram matrix on or above the diagonal that one thread computes at a time.
private struct GramTile: Sendable {
  let rows: Range<Int>
  let columns: Range<Int>

  /// Rows of the input whose products are summed in single precision.
  static let batchTokenCount = 512

  /// The tiles of a matrix of `width`, which depend on nothing else.
  static func upperTriangle(width: Int) -> [GramTile] {
    let length = width <= 512 ? 128 : 256
    let ranges = stride(from: 0, to: width, by: length).map { $0..<min(width, $0 + length) }
    return ranges.indices.flatMap { row in
      ranges[row...].map { GramTile(rows: ranges[row], columns: $0) }
    }
  }

  /// Σ x[rows]·x[columns]ᵀ over the rows x of a batch.
  func product(of x: Span<Float>, tokenCount: Int, width: Int) -> [Float] {
    var product = [Float](repeating: 0, count: rows.count * columns.count)
    var span = product.mutableSpan
    FloatProduct.add(
      transposing: x.extracting(rows.lowerBound..<x.count), stride: width,
      x.extracting(columns.lowerBound..<x.count), stride: width, rowCount: rows.count, columnCount: columns.count,
      inner: tokenCount, to: &span, stride: columns.count)
    return product
  }
}

/// The elements of a Gram matrix, shared by the threads that add to its tiles. Sound because each tile and its mirror
/// image belong to one iteration.
@unsafe private struct GramSum: @unchecked Sendable {
  let elements: UnsafeMutableBufferPointer<Double>
  let width: Int

  /// Adds a tile's product on its place above the diagonal.
  func add(_ product: [Float], at tile: GramTile) {
    for (place, row) in tile.rows.enumerated() {
      let columns = max(row, tile.columns.lowerBound)..<tile.columns.upperBound
      var source = place * tile.columns.count + (columns.lowerBound - tile.columns.lowerBound)
      for column in columns {
        unsafe elements[row &* width &+ column] += Double(product[source])
        source &+= 1
      }
    }
  }

  /// Copies a tile's sums to their places below the diagonal.
  func mirror(_ tile: GramTile) {
    for column in tile.columns {
      for row in tile.rows where row < column {
        unsafe elements[column &* width &+ row] = elements[row &* width &+ column]
      }
    }
  }
}
