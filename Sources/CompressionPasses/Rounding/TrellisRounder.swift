import DecodeKernels
import Encodings
import TensorCore

/// Codes of a trellis down the rows of a tile, one scale per row.
///
/// QTIP (arXiv 2406.11235, §3.3) runs its trellises along blocks of rows and columns at once and gives up some of the
/// feedback for that. Feedback ties together columns of one row; a trellis that runs down one column leaves all of it
/// in place, and as every row's error weighs the same there, the search for the nearest values is the right one.
struct TrellisRounder: PlannedRounder {
  static var tileRowCount: Int { TrellisLayout.tileRowCount }

  let encoding: TrellisEncoding
  let width: Int
  let laneCount: Int
  private let rowCount: Int
  /// One per row of the stream, 0 where there is no row.
  private let scales: [Float]
  /// (width, rows of the stream)
  private var codes: [UInt8]
  private var search: TrellisSearch

  /// - Parameters:
  ///   - rowCount: rows of the tile.
  ///   - weights: (width, laneCount).
  ///   - spread: the deviation of the targets in deviations of the weights.
  init(
    encoding: TrellisEncoding, width: Int, laneCount: Int, rowCount: Int, weights: Span<Float>, spread: Float
  ) {
    self.encoding = encoding
    self.width = width
    self.laneCount = laneCount
    self.rowCount = rowCount
    let filled = TrellisLayout.filled(rowCount)
    let squares = (0..<rowCount).map { row in
      (0..<width).reduce(0.0) {
        let weight = Double(weights[$1 &* laneCount &+ row])
        return $0 + weight * weight
      }
    }
    scales = (0..<filled).map { row in
      guard row < rowCount else { return 0 }
      let scale = Float((squares[row] / Double(width)).squareRoot()) * spread * Self.unitScale
      return HalfPrecision.float(fromFloat16Bits: HalfPrecision.float16Bits(min(scale, Self.largestScale)))
    }
    codes = [UInt8](repeating: 0, count: width * filled)
    search = TrellisSearch(encoding)
  }

  /// The scale at which the values of all states have the deviation 1.
  private static let unitScale: Float = 0.8626
  private static let largestScale: Float = 65_504

  /// The deviation of the targets in deviations of the weights, when errors are fed back: a target is its weight plus
  /// the errors of earlier columns, each with the variance that Gaussian values leave. The values are spread a little
  /// further than the squared error alone would ask for: that keeps the size of a layer's output, and the model's
  /// divergence falls by some percent more.
  static func spread(_ encoding: TrellisEncoding, feedback: FeedbackFactor?) -> Float {
    guard let feedback else { return 1 }
    let squares = feedback.ratios.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(feedback.order.count)
    let error = [0.288, 0.0738, 0.0194, 0.00521][encoding.bits - 1]
    return Float((1 + error * squares).squareRoot()) * 1.12
  }

  var columnsPerGroup: Int { 1 }

  mutating func round(_ targets: Span<Float>, column: Int, into values: inout MutableSpan<Float>) {
    let scales = scales, filled = scales.count
    var codes: [UInt8] = []
    swap(&codes, &self.codes)
    do {
      var all = codes.mutableSpan
      var column = all._mutatingExtracting(column * filled..<(column + 1) * filled)
      var rows = values._mutatingExtracting(0..<filled)
      search.choose(for: targets.extracting(0..<filled), scales: scales.span, codes: &column, values: &rows)
    }
    swap(&codes, &self.codes)
    for lane in filled..<max(filled, laneCount) { values[lane] = 0 }
  }

  func part(rowCount: Int, values: Span<Float>, places: KeptPlaces?) -> TrellisPacker {
    precondition(rowCount == self.rowCount && places == nil)
    var packer = TrellisPacker(encoding: encoding, inputCount: width)
    packer.append(codes: codes.span, scales: scales.span.extracting(0..<rowCount))
    return packer
  }

  static func bytes(of parts: [TrellisPacker]) -> [UInt8] {
    guard var whole = parts.first else { return [] }
    for part in parts.dropFirst() { whole.append(contentsOf: part) }
    return whole.finish()
  }
}

extension TrellisRounder {
  /// Bytes that the search of one tile works in at most: one cost for every row and every group of states.
  static var searchByteCount: Int {
    (tileRowCount + 1) << (TrellisCodebook.stateBitCount - 1) * MemoryLayout<Float>.size
  }
}

extension Encoding {
  /// Whether rounding columns again, with the errors of all others known, lowers a layer's error. With a trellis the
  /// first pass leaves nothing to find, and a search is dear.
  var gainsFromSweeps: Bool {
    if case .trellis = self { false } else { true }
  }
}
