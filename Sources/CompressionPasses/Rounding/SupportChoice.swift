import Encodings

/// The best places to keep in one group of a row and the best values for them, all outside of the group as it is.
struct SupportChoice: Sendable {
  let pattern: SparsePattern
  private let supports: [[Int]]

  /// Patterns with more sets of places than this would take longer than all the rest.
  private static let largestSetCount = 128

  /// - Returns: nil for a pattern with too many sets of places.
  init?(_ pattern: SparsePattern) {
    guard pattern.setCount <= Self.largestSetCount else { return nil }
    self.pattern = pattern
    supports = pattern.masks.map { mask in (0..<pattern.group).filter { mask &>> UInt16($0) & 1 == 1 } }
  }

  /// H_SS⁻¹ for every set of places S of a group, one after the other.
  /// - Parameter hessian: the block of the group, (group, group), positive definite.
  func inverses(of hessian: [Float]) -> [Float] {
    supports.flatMap { support in
      Self.inverse(support.flatMap { row in support.map { Double(hessian[row * pattern.group + $0]) } }, support.count)
    }
  }

  /// The set S with the largest gain g_Sᵀ·H_SS⁻¹·g_S, as its number among the masks.
  /// - Parameter descent: half of the objective's descent along each column when the whole group is zero.
  func best(_ descent: Span<Float>, inverses: Span<Float>) -> Int {
    var best = 0, place = 0
    var bestGain = -Float.infinity
    for index in supports.indices {
      var gain: Float = 0
      for row in supports[index] {
        var sum: Float = 0
        for column in supports[index] {
          sum += inverses[place] * descent[column]
          place &+= 1
        }
        gain += sum * descent[row]
      }
      if gain > bestGain { (best, bestGain) = (index, gain) }
    }
    return best
  }

  /// The values for a set of places: H_SS⁻¹·g_S, zero elsewhere.
  func values(_ number: Int, _ descent: Span<Float>, inverses: Span<Float>, into values: inout MutableSpan<Float>) {
    var place = number * pattern.kept * pattern.kept
    for index in values.indices { values[index] = 0 }
    for row in supports[number] {
      var sum: Float = 0
      for column in supports[number] {
        sum += inverses[place] * descent[column]
        place &+= 1
      }
      values[row] = sum
    }
  }

  /// By Gauss–Jordan elimination; a positive definite matrix needs no pivots.
  private static func inverse(_ matrix: [Double], _ count: Int) -> [Float] {
    var a = matrix
    var result = (0..<count * count).map { $0 / count == $0 % count ? 1.0 : 0 }
    for pivot in 0..<count {
      let factor = 1 / a[pivot * count + pivot]
      for column in 0..<count {
        a[pivot * count + column] *= factor
        result[pivot * count + column] *= factor
      }
      for row in 0..<count where row != pivot {
        let multiple = a[row * count + pivot]
        for column in 0..<count {
          a[row * count + column] -= multiple * a[pivot * count + column]
          result[row * count + column] -= multiple * result[pivot * count + column]
        }
      }
    }
    return result.map(Float.init)
  }
}

extension WeightTile {
  /// Chooses the places of every group of `columns` anew, with the best values for them.
  mutating func rechoose(
    _ columns: Range<Int>, _ supports: SupportChoice, _ gram: DampedGram, _ errors: inout [Float],
    _ descent: inout [Float], from start: Int, in span: Range<Int>
  ) {
    let count = supports.pattern.group, masks = supports.pattern.masks
    var inner = [Float](repeating: 0, count: count)
    var new = inner
    for first in stride(from: columns.lowerBound, to: columns.upperBound, by: count) {
      let group = first..<first + count
      let hessian = group.flatMap { row in group.map { gram.elements[row * width + $0] } }
      let inverses = supports.inverses(of: hessian)
      var changes = [Float](repeating: 0, count: count * laneCount)
      for lane in 0..<rowCount {
        for row in 0..<count {
          var sum = descent[(first &- start &+ row) &* laneCount &+ lane]
          for column in 0..<count {
            sum += hessian[row &* count &+ column] * values[(first &+ column) &* laneCount &+ lane]
          }
          inner[row] = sum
        }
        let number = supports.best(inner.span, inverses: inverses.span)
        var span = new.mutableSpan
        supports.values(number, inner.span, inverses: inverses.span, into: &span)
        places?.set(masks[number], of: first / count, lane: lane)
        for column in 0..<count {
          let place = (first &+ column) &* laneCount &+ lane
          changes[column &* laneCount &+ lane] = new[column] - values[place]
          errors[place] += values[place] - new[column]
          values[place] = new[column]
        }
      }
      add(gram, of: group, changes: changes, first: first, factor: -1, to: span, &descent, from: start)
    }
  }
}
