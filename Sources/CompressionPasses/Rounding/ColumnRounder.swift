import Encodings
import TensorCore

/// Rounds the columns of a tile, some consecutive rows of a matrix, one column at a time in whatever order the loops
/// take them. A value type: each tile has its own, with its parameters fitted to the tile's weights.
///
/// What belongs to a tile is stored column after column, so that its rows are the lanes of a vector: (columns,
/// laneCount). Lanes beyond the last row hold zeros.
protocol ColumnRounder: Sendable {
  /// What a tile adds to the value.
  associatedtype Part: Sendable

  /// Rows of a tile at most, the lanes of its vectors; a multiple of 16.
  static var tileRowCount: Int { get }

  /// Columns whose codes share parameters, which are refitted together; divides the row.
  var columnsPerGroup: Int { get }

  /// Chooses the codes of a column. Called again for a column, it replaces them.
  /// - Parameters:
  ///   - targets: (laneCount), the values to come near to.
  ///   - values: what a reader of the encoded column will see.
  mutating func round(_ targets: Span<Float>, column: Int, into values: inout MutableSpan<Float>)

  /// The codes of a column less the zero points of their groups: what a change of scale multiplies. Only asked of
  /// rounders that refit.
  func levels(of column: Int, into levels: inout MutableSpan<Float>)

  /// Chooses the parameters of a group anew for the codes it has.
  /// - Returns: whether any has changed.
  mutating func refit(_ columns: Range<Int>, lane: Int, _ form: GroupForm) -> Bool

  /// The values of a column as a reader sees them; those not kept need not be zero.
  func values(of column: Int, into values: inout MutableSpan<Float>)

  /// The first `rowCount` rows, without the elements that are not kept.
  func part(rowCount: Int, values: Span<Float>, places: KeptPlaces?) -> Part

}

/// One whose parts make a value of an encoding that is known beforehand.
protocol PlannedRounder: ColumnRounder {
  /// The value that the parts of all tiles make, in order.
  static func bytes(of parts: [Part]) -> [UInt8]
}

extension ColumnRounder {
  static var tileRowCount: Int { 64 }
  func levels(of column: Int, into levels: inout MutableSpan<Float>) {}
  mutating func refit(_ columns: Range<Int>, lane: Int, _ form: GroupForm) -> Bool { false }
  func values(of column: Int, into values: inout MutableSpan<Float>) {}
}

/// The quadratic objective of one group of one row around its present values, along two directions: the levels u
/// (codes less zero point) and the kept places v. The change D = x·u + y·v changes the objective by
/// x²·uu + 2·x·y·uv + y²·vv − 2·(x·ug + y·vg).
struct GroupForm {
  var uu: Float = 0, uv: Float = 0, vv: Float = 0
  /// Half of the objective's descent along u and v.
  var ug: Float = 0, vg: Float = 0

  func change(along x: Float, _ y: Float) -> Float { x * x * uu + 2 * x * y * uv + y * y * vv - 2 * (x * ug + y * vg) }
}

/// Keeps elements of a floating-point type.
struct DenseRounder: PlannedRounder {
  let type: ElementType
  let width: Int
  let laneCount: Int

  var columnsPerGroup: Int { 1 }

  mutating func round(_ targets: Span<Float>, column: Int, into values: inout MutableSpan<Float>) {
    DenseCodec.decode(DenseCodec.encode(targets, as: type).span, as: type, into: &values)
  }

  func part(rowCount: Int, values: Span<Float>, places: KeptPlaces?) -> [UInt8] {
    var rows: [Float] = []
    rows.reserveCapacity(rowCount * (places?.pattern.keptCount(of: width) ?? width))
    for row in 0..<rowCount {
      for column in 0..<width where places?.keeps(column, lane: row) ?? true {
        rows.append(values[column &* laneCount &+ row])
      }
    }
    return DenseCodec.encode(rows.span, as: type)
  }

  static func bytes(of parts: [[UInt8]]) -> [UInt8] { Array(parts.joined()) }
}
