import Encodings
import TensorCore

/// Codes that share a scale and a zero point per group.
struct GroupedRounder: PlannedRounder {
  let encoding: GroupedEncoding
  let width: Int
  let laneCount: Int
  let columnsPerGroup: Int

  private let highest: Float
  /// (width, laneCount), zero where nothing is kept.
  private var codes: [UInt8]
  /// (groups, laneCount) each.
  private var scales: [Float]
  private var inverses: [Float]
  private var zeros: [Float]
  private var zeroBytes: [UInt8]
  private var group: GroupFit

  /// - Parameters:
  ///   - importance: the weight of each column's squared error in the fit.
  ///   - weights: (width, laneCount), to fit the grids to.
  ///   - places: decided, of a pattern whose kept count divides the group.
  init(
    encoding: GroupedEncoding, width: Int, laneCount: Int, importance: [Float], weights: Span<Float>,
    places: KeptPlaces?
  ) {
    self.encoding = encoding
    self.width = width
    self.laneCount = laneCount
    let pattern = places?.pattern
    columnsPerGroup = encoding.groupElementCount / (pattern?.kept ?? 1) * (pattern?.group ?? 1)
    highest = Float((1 << encoding.bits) - 1)
    codes = [UInt8](repeating: 0, count: width * laneCount)
    scales = [Float](repeating: 0, count: width / columnsPerGroup * laneCount)
    inverses = scales
    zeros = scales
    zeroBytes = [UInt8](repeating: 0, count: scales.count)
    group = GroupFit(encoding: encoding)
    fitGroups(to: weights, importance: importance, places: places)
  }

  private mutating func fitGroups(to weights: Span<Float>, importance: [Float], places: KeptPlaces?) {
    var values = [Float](repeating: 0, count: encoding.groupElementCount)
    var valueWeights = values
    for first in stride(from: 0, to: width, by: columnsPerGroup) {
      for lane in 0..<laneCount {
        var count = 0
        for column in first..<first + columnsPerGroup where places?.keeps(column, lane: lane) ?? true {
          values[count] = weights[column &* laneCount &+ lane]
          valueWeights[count] = importance[column]
          count &+= 1
        }
        group.load(values.span, importance: valueWeights.span)
        store(group.fit(searches: true), at: first / columnsPerGroup * laneCount + lane)
      }
    }
  }

  private mutating func store(_ grid: GroupGrid, at place: Int) {
    scales[place] = grid.scale
    inverses[place] = grid.inverse
    zeros[place] = grid.zero
    zeroBytes[place] = grid.zeroByte
  }

  /// Adding 1.5·2^23 to a small number leaves no digits after the point: it rounds, where a call would be slow.
  private static let magic: Float = 0x1.8p23

  mutating func round(_ targets: Span<Float>, column: Int, into values: inout MutableSpan<Float>) {
    let lanes = column / columnsPerGroup * laneCount..<(column / columnsPerGroup + 1) * laneCount
    let (allScales, allInverses, allZeros) = (scales, inverses, zeros)
    let scales = allScales.span.extracting(lanes), inverses = allInverses.span.extracting(lanes)
    let zeros = allZeros.span.extracting(lanes)
    let first = column * laneCount
    for lane in 0..<laneCount {
      let position = min(max(targets[lane] * inverses[lane] + zeros[lane], 0), highest) + Self.magic
      codes[first &+ lane] = UInt8(truncatingIfNeeded: position.bitPattern)
      values[lane] = ((position - Self.magic) - zeros[lane]) * scales[lane]
    }
  }

  func levels(of column: Int, into levels: inout MutableSpan<Float>) {
    let group = column / columnsPerGroup * laneCount, first = column * laneCount
    for lane in 0..<laneCount { levels[lane] = Float(codes[first &+ lane]) - zeros[group &+ lane] }
  }

  func values(of column: Int, into values: inout MutableSpan<Float>) {
    let group = column / columnsPerGroup * laneCount, first = column * laneCount
    for lane in 0..<laneCount {
      values[lane] = (Float(codes[first &+ lane]) - zeros[group &+ lane]) * scales[group &+ lane]
    }
  }

  /// The zero point that the least objective over scale and zero point asks for, and then the best scale for it as it
  /// is stored. Kept only if the objective falls.
  mutating func refit(_ columns: Range<Int>, lane: Int, _ form: GroupForm) -> Bool {
    let place = columns.lowerBound / columnsPerGroup * laneCount + lane
    let scale = scales[place], zero = zeros[place]
    var newZero = zero
    if !encoding.isSymmetric {
      let determinant = form.uu * form.vv - form.uv * form.uv
      let scaleChange = (form.vv * form.ug - form.uv * form.vg) / determinant
      let shift = (form.uu * form.vg - form.uv * form.ug) / determinant
      guard determinant > 0, scaleChange.isFinite, shift.isFinite, scale + scaleChange != 0 else { return false }
      newZero = group.grid(scale: scale, zero: zero - shift / (scale + scaleChange)).zero
    }
    // q' = s'·(u + m·v) with m the move of the zero point.
    let move = zero - newZero
    let squared = form.uu + 2 * move * form.uv + move * move * form.vv
    let newScale = (form.ug + move * form.vg + scale * (form.uu + move * form.uv)) / squared
    guard squared > 0, newScale.isFinite else { return false }
    let grid = group.grid(scale: newScale, zero: newZero)
    guard grid.inverse != 0, grid.scale != scale || grid.zero != zero,
      form.change(along: grid.scale - scale, grid.scale * (zero - grid.zero)) < 0
    else { return false }
    store(grid, at: place)
    return true
  }

  func part(rowCount: Int, values: Span<Float>, places: KeptPlaces?) -> GroupedPacker {
    let keptCount = places?.pattern.keptCount(of: width) ?? width
    let groupCount = width / columnsPerGroup
    var packer = GroupedPacker(encoding: encoding, inputCount: keptCount, expectedRowCount: rowCount)
    var rowCodes = [UInt8](repeating: 0, count: keptCount)
    var rowScales = [Float](repeating: 0, count: groupCount)
    var rowZeros = [UInt8](repeating: 0, count: encoding.isSymmetric ? 0 : groupCount)
    for row in 0..<rowCount {
      var count = 0
      for column in 0..<width where places?.keeps(column, lane: row) ?? true {
        rowCodes[count] = codes[column &* laneCount &+ row]
        count &+= 1
      }
      for group in 0..<groupCount {
        rowScales[group] = scales[group &* laneCount &+ row]
        if !encoding.isSymmetric { rowZeros[group] = zeroBytes[group &* laneCount &+ row] }
      }
      packer.append(codes: rowCodes.span, scales: rowScales.span, zeros: rowZeros.span)
    }
    return packer
  }

  static func bytes(of parts: [GroupedPacker]) -> [UInt8] {
    guard var whole = parts.first else { return [] }
    for part in parts.dropFirst() { whole.append(contentsOf: part) }
    return whole.finish()
  }
}
