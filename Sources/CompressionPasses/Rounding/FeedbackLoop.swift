import Encodings
import LinearAlgebra

/// The loop of GPTQ, and with open places that of SparseGPT (arXiv 2301.00774): one for all encodings.
extension WeightTile {
  /// Columns between two products; a multiple of any pattern is used.
  private static var blockWidth: Int { 32 }
  /// Columns that are brought up to date together with one product over all columns before them.
  private static var spanWidth: Int { 128 }

  /// Rounds every column to what its weight and the errors of the columns before it ask for.
  /// - Parameter factor: in natural order where places are open.
  mutating func feedBack(_ factor: FeedbackFactor) {
    let patternWidth = places?.pattern.group ?? 1
    let spanWidth = multiple(of: patternWidth, near: Self.spanWidth)
    let blockWidth = multiple(of: patternWidth, near: Self.blockWidth)
    // By positions of the loop.
    var errors = [Float](repeating: 0, count: width * laneCount)
    var column = [Float](repeating: 0, count: laneCount)
    for start in stride(from: 0, to: width, by: spanWidth) {
      let span = start..<min(width, start + spanWidth)
      var targets = self.targets(of: span, errors: errors, factor)
      for first in stride(from: start, to: span.upperBound, by: blockWidth) {
        let block = first..<min(span.upperBound, first + blockWidth)
        for position in block {
          let place = (position - start) * laneCount
          if places?.isOpen == true, position % patternWidth == 0 {
            choosePlaces(at: position, targets: targets.span, first: start, factor)
          }
          let index = factor.order[position]
          round(targets.span.extracting(place..<place + laneCount), column: index, scratch: &column)
          let weight = index * laneCount, error = position * laneCount
          for lane in 0..<laneCount { errors[error &+ lane] = weights[weight &+ lane] - column[lane] }
          let own = errors.span.extracting(error..<error + laneCount)
          var rest = targets.mutableSpan
          for later in position + 1..<max(position + 1, block.upperBound) {
            var target = rest._mutatingExtracting((later - start) * laneCount..<(later - start + 1) * laneCount)
            addMultiple(of: own, by: factor.ratios[position * width + later], to: &target)
          }
        }
        feedForward(block, to: block.upperBound..<span.upperBound, errors: errors, &targets, first: start, factor)
      }
    }
  }

  private func multiple(of unit: Int, near count: Int) -> Int { max(1, count / unit) * unit }

  /// The targets of the columns at `span`, with the errors of all before it.
  private func targets(of span: Range<Int>, errors: [Float], _ factor: FeedbackFactor) -> [Float] {
    var targets: [Float] = []
    targets.reserveCapacity(span.count * laneCount)
    for position in span { targets += weights[lanes(factor.order[position])] }
    feedForward(0..<span.lowerBound, to: span, errors: errors, &targets, first: span.lowerBound, factor)
    return targets
  }

  /// Adds what the errors of finished positions ask of later ones to their targets.
  /// - Parameter first: the position that `targets` begin with.
  private func feedForward(
    _ finished: Range<Int>, to later: Range<Int>, errors: [Float], _ targets: inout [Float], first: Int,
    _ factor: FeedbackFactor
  ) {
    guard !finished.isEmpty, !later.isEmpty else { return }
    var all = targets.mutableSpan
    var span = all._mutatingExtracting((later.lowerBound - first) * laneCount..<(later.upperBound - first) * laneCount)
    FloatProduct.add(
      transposing: factor.ratios.span.extracting(droppingFirst: finished.lowerBound * width + later.lowerBound),
      stride: width, errors.span.extracting(droppingFirst: finished.lowerBound * laneCount), stride: laneCount,
      rowCount: later.count, columnCount: laneCount, inner: finished.count, to: &span, stride: laneCount)
  }

  /// Keeps the places of a group whose loss would cost most, were nothing after them fed back: t²·B[i][i]².
  private mutating func choosePlaces(at position: Int, targets: Span<Float>, first: Int, _ factor: FeedbackFactor) {
    guard let pattern = places?.pattern else { return }
    let (place, laneCount) = ((position - first) * laneCount, laneCount)
    places?.choose(
      position / pattern.group, by: targets.extracting(place..<place + pattern.group * laneCount),
      importance: factor.pivots.span.extracting(position..<position + pattern.group))
  }
}
