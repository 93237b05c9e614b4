import Encodings
import LinearAlgebra

/// Improves finished columns one after the other, with all others as they are: every step lowers tr(E·H·Eᵀ).
extension WeightTile {
  /// One sweep over the columns in natural order: each is rounded anew to the value that the errors of all others ask
  /// for, and after the columns of a group its scale and zero point are chosen anew for the codes they now have.
  mutating func refine(_ gram: DampedGram) {
    let supports = places.flatMap { SupportChoice($0.pattern) }
    let unit = max(rounder.columnsPerGroup, places?.isOpen == true ? places?.pattern.group ?? 1 : 1)
    let spanWidth = max(1, 128 / unit) * unit
    let stepWidth = max(1, 32 / unit) * unit
    var errors = errors
    for start in stride(from: 0, to: width, by: spanWidth) {
      let span = start..<min(width, start + spanWidth)
      var descent = [Float](repeating: 0, count: span.count * laneCount)
      add(gram, of: 0..<width, changes: errors, first: 0, factor: 1, to: span, &descent, from: start)
      for first in stride(from: start, to: span.upperBound, by: stepWidth) {
        let columns = first..<min(span.upperBound, first + stepWidth)
        if let supports = supports, places?.isOpen == true {
          rechoose(columns, supports, gram, &errors, &descent, from: start, in: span)
        } else {
          reround(columns, gram, &errors, &descent, from: start, in: span)
        }
        if rounder.columnsPerGroup > 1 { refit(columns, gram, &errors, &descent, from: start, in: span) }
      }
    }
  }

  /// Adds factor · (the rows of H of the columns `changed`)ᵀ · changes to the products of `columns`.
  /// - Parameters:
  ///   - first: the column that `changes` begin with.
  ///   - start: the column that `products` begin with.
  func add(
    _ gram: DampedGram, of changed: Range<Int>, changes: [Float], first: Int, factor: Float, to columns: Range<Int>,
    _ products: inout [Float], from start: Int
  ) {
    guard !columns.isEmpty else { return }
    var all = products.mutableSpan
    var span = all._mutatingExtracting(
      (columns.lowerBound - start) * laneCount..<(columns.upperBound - start) * laneCount)
    FloatProduct.add(
      transposing: gram.elements.span.extracting(droppingFirst: changed.lowerBound * width + columns.lowerBound),
      stride: width, changes.span.extracting(droppingFirst: (changed.lowerBound - first) * laneCount),
      stride: laneCount, factor: factor, rowCount: columns.count, columnCount: laneCount, inner: changed.count,
      to: &span, stride: laneCount)
  }

  /// - Parameter descent: E·H of the columns of `span`, from `start` on; kept up to date.
  private mutating func reround(
    _ columns: Range<Int>, _ gram: DampedGram, _ errors: inout [Float], _ descent: inout [Float], from start: Int,
    in span: Range<Int>
  ) {
    var targets = [Float](repeating: 0, count: laneCount)
    var column = targets
    for block in stride(from: columns.lowerBound, to: columns.upperBound, by: 32).map({
      $0..<min(columns.upperBound, $0 + 32)
    }) {
      var changes = [Float](repeating: 0, count: block.count * laneCount)
      for index in block {
        let place = index * laneCount, offset = (index - start) * laneCount
        let change = (index - block.lowerBound) * laneCount
        let inverse = 1 / gram.elements[index * width + index]
        for lane in 0..<laneCount {
          targets[lane] = values[place &+ lane] + descent[offset &+ lane] * inverse
          changes[change &+ lane] = values[place &+ lane]
        }
        round(targets.span, column: index, scratch: &column)
        for lane in 0..<laneCount {
          changes[change &+ lane] = column[lane] - changes[change &+ lane]
          errors[place &+ lane] -= changes[change &+ lane]
        }
        let own = changes.span.extracting(change..<change + laneCount)
        var rest = descent.mutableSpan
        for other in block {
          var product = rest._mutatingExtracting((other - start) * laneCount..<(other - start + 1) * laneCount)
          addMultiple(of: own, by: -gram.elements[index * width + other], to: &product)
        }
      }
      for others in [span.lowerBound..<block.lowerBound, block.upperBound..<span.upperBound] {
        add(gram, of: block, changes: changes, first: block.lowerBound, factor: -1, to: others, &descent, from: start)
      }
    }
  }

  private mutating func refit(
    _ columns: Range<Int>, _ gram: DampedGram, _ errors: inout [Float], _ descent: inout [Float], from start: Int,
    in span: Range<Int>
  ) {
    let unit = rounder.columnsPerGroup
    for first in stride(from: columns.lowerBound, to: columns.upperBound, by: unit) {
      let group = first..<first + unit
      let forms = self.forms(of: group, gram, descent, from: start)
      var hasChanged = false
      for lane in 0..<rowCount where rounder.refit(group, lane: lane, forms[lane]) { hasChanged = true }
      guard hasChanged else { continue }
      var changes = [Float](repeating: 0, count: unit * laneCount)
      var column = [Float](repeating: 0, count: laneCount)
      for index in group {
        var values = column.mutableSpan
        rounder.values(of: index, into: &values)
        places?.apply(to: &values, column: index)
        let place = index * laneCount, change = (index - first) * laneCount
        for lane in 0..<laneCount {
          changes[change &+ lane] = column[lane] - self.values[place &+ lane]
          errors[place &+ lane] -= changes[change &+ lane]
          self.values[place &+ lane] = column[lane]
        }
      }
      add(gram, of: group, changes: changes, first: first, factor: -1, to: span, &descent, from: start)
    }
  }

  /// The objective along the levels and the kept places of a group, for every lane.
  private func forms(of group: Range<Int>, _ gram: DampedGram, _ descent: [Float], from start: Int) -> [GroupForm] {
    var levels = [Float](repeating: 0, count: group.count * laneCount)
    var kept = [Float](repeating: 1, count: group.count * laneCount)
    for (offset, column) in group.enumerated() {
      let lanes = offset * laneCount..<(offset + 1) * laneCount
      var allLevels = levels.mutableSpan
      var columnLevels = allLevels._mutatingExtracting(lanes)
      rounder.levels(of: column, into: &columnLevels)
      places?.apply(to: &columnLevels, column: column)
      var allKept = kept.mutableSpan
      var columnKept = allKept._mutatingExtracting(lanes)
      places?.apply(to: &columnKept, column: column)
    }
    var levelProducts = [Float](repeating: 0, count: levels.count)
    var keptProducts = levelProducts
    let first = group.lowerBound
    add(gram, of: group, changes: levels, first: first, factor: 1, to: group, &levelProducts, from: first)
    add(gram, of: group, changes: kept, first: first, factor: 1, to: group, &keptProducts, from: first)
    var forms = [GroupForm](repeating: GroupForm(), count: laneCount)
    let shift = (first - start) * laneCount
    for place in stride(from: 0, to: levels.count, by: laneCount) {
      for lane in 0..<laneCount {
        let u = levels[place &+ lane], v = kept[place &+ lane], g = descent[shift &+ place &+ lane]
        forms[lane].uu += u * levelProducts[place &+ lane]
        forms[lane].uv += v * levelProducts[place &+ lane]
        forms[lane].vv += v * keptProducts[place &+ lane]
        forms[lane].ug += u * g
        forms[lane].vg += v * g
      }
    }
    return forms
  }
}
