import LinearAlgebra
import Synchronization

/// What was derived from the last Gram matrix asked for: projections that share an input follow one another.
final class FactorCache: Sendable {
  private struct Entry {
    let gram: Gram
    var factors: [MatrixEncoder.ColumnOrder: FeedbackFactor?] = [:]
    var undamped: DampedGram??
  }

  private let last = Mutex<Entry?>(nil)

  /// The factor for `gram`, nil where there is none.
  func factor(of gram: Gram, damping: Double, order: MatrixEncoder.ColumnOrder) -> FeedbackFactor? {
    derived(from: gram) { entry in
      if let known = entry.factors[order] { return known }
      let factor = FeedbackFactor(gram, damping: damping, order: order)
      entry.factors[order] = .some(factor)
      return factor
    }
  }

  /// `gram` in single precision without damping, nil where all inputs were zero.
  func undamped(_ gram: Gram) -> DampedGram? {
    derived(from: gram) { entry in
      if let known = entry.undamped { return known }
      let scaled = DampedGram(gram, damping: 0)
      entry.undamped = .some(scaled)
      return scaled
    }
  }

  private func derived<Result>(from gram: Gram, _ body: (inout Entry) -> Result) -> Result {
    last.withLock { last in
      // Equal arrays are mostly one and the same, and others differ in their first elements: this is quick.
      var entry = last.flatMap { $0.gram == gram ? $0 : nil } ?? Entry(gram: gram)
      last = nil
      let result = body(&entry)
      last = entry
      return result
    }
  }
}
