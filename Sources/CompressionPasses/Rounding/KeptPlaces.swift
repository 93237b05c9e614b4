import Encodings

/// The places of a sparse pattern that a tile keeps.
struct KeptPlaces: Sendable {
  let pattern: SparsePattern
  let laneCount: Int
  /// (groups of the pattern, laneCount); bit p stands for place p of the group.
  private(set) var masks: [UInt16]
  /// Whether the loops may still choose them.
  private(set) var isOpen: Bool

  /// Places to be chosen.
  init(choosing pattern: SparsePattern, width: Int, laneCount: Int) {
    self.pattern = pattern
    self.laneCount = laneCount
    masks = [UInt16](repeating: 0, count: width / pattern.group * laneCount)
    isOpen = true
  }

  /// Given places.
  /// - Parameter rows: (rows, groups of the pattern), of as many rows as the tile has.
  init(_ pattern: SparsePattern, rows: ArraySlice<UInt16>, width: Int, laneCount: Int) {
    self.pattern = pattern
    self.laneCount = laneCount
    let groupCount = width / pattern.group
    masks = [UInt16](repeating: 0, count: groupCount * laneCount)
    for (index, mask) in rows.enumerated() { masks[index % groupCount * laneCount + index / groupCount] = mask }
    isOpen = false
  }

  /// The places chosen so far, for good.
  var decided: KeptPlaces {
    var places = self
    places.isOpen = false
    return places
  }

  /// The set of places that a row of the tile keeps of a group.
  func mask(of group: Int, lane: Int) -> UInt16 { masks[group &* laneCount &+ lane] }

  mutating func set(_ mask: UInt16, of group: Int, lane: Int) { masks[group &* laneCount &+ lane] = mask }

  func keeps(_ column: Int, lane: Int) -> Bool {
    masks[column / pattern.group &* laneCount &+ lane] &>> UInt16(column % pattern.group) & 1 == 1
  }

  /// Sets the elements of a column that are not kept to zero.
  func apply(to values: inout MutableSpan<Float>, column: Int) {
    let first = column / pattern.group * laneCount
    let place = UInt16(column % pattern.group)
    for lane in 0..<laneCount where masks[first &+ lane] &>> place & 1 == 0 { values[lane] = 0 }
  }

  /// Keeps the places of a group with the largest w²·importance; of equals the first.
  /// - Parameters:
  ///   - weights: (columns of the group, laneCount).
  ///   - importance: one per column.
  mutating func choose(_ group: Int, by weights: Span<Float>, importance: Span<Float>) {
    for lane in 0..<laneCount {
      var mask: UInt16 = 0
      for _ in 0..<pattern.kept {
        var best = -1
        var bestScore: Float = -1
        for place in 0..<pattern.group where mask &>> UInt16(place) & 1 == 0 {
          let weight = weights[place &* laneCount &+ lane]
          let score = weight * weight * importance[place]
          if score > bestScore { (best, bestScore) = (place, score) }
        }
        mask |= 1 &<< UInt16(best)
      }
      masks[group * laneCount + lane] = mask
    }
  }

  /// The masks of the first `rowCount` rows, row after row.
  func rows(_ rowCount: Int) -> [UInt16] {
    let groupCount = masks.count / laneCount
    return (0..<rowCount * groupCount).map { masks[$0 % groupCount * laneCount + $0 / groupCount] }
  }
}
