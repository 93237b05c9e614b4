import LinearAlgebra
import Parallelism
import PassKit

/// What a configuration is expected to cost, to second order.
///
/// The change of the model's output, in coordinates in which half its squared length is the KL divergence, is taken to be
/// the sum of the changes r_i that the units make one by one: KL ≈ ½‖Σ r_i‖² = ½ Σ_i ‖r_i‖² + Σ_{i<j} r_i·r_j. The
/// products of two units are the inter-layer terms of the augmented Hessian (arXiv 2306.04879), in the Fisher metric and
/// without a gradient. r_i is measured for a few options of each unit and scaled for the others by the square root of the
/// ratio of their output errors tr(E·G·Eᵀ), the layer's own Hessian.
struct DamageModel: Sendable {
  /// A multiple of a measured change.
  struct Term: Sendable {
    let vector: Int
    let factor: Double
  }

  /// By unit and option; nil where the unit stays as it is.
  let terms: [[Term?]]
  /// Dot products of the measured changes; only those with themselves unless pairs count.
  let products: Matrix
  /// Whether what units do to each other counts.
  let countsPairs: Bool

  init(terms: [[Term?]], products: Matrix, countsPairs: Bool) {
    self.terms = terms
    self.products = products
    self.countsPairs = countsPairs
  }

  /// The divergence in nats that a unit causes alone.
  func divergence(ofUnit unit: Int, at option: Int) -> Double {
    0.5 * product(terms[unit][option], terms[unit][option])
  }

  /// The divergence in nats of a configuration.
  func divergence(of assignment: Assignment, countingPairs: Bool) -> Double {
    guard countingPairs else {
      return assignment.enumerated().reduce(0) { $0 + divergence(ofUnit: $1.offset, at: $1.element) }
    }
    let present = assignment.enumerated().map { terms[$0.offset][$0.element] }
    return 0.5 * present.reduce(0) { sum, a in present.reduce(sum) { $0 + product(a, $1) } }
  }

  /// The dot product of two changes.
  func product(_ a: Term?, _ b: Term?) -> Double {
    guard let a, let b else { return 0 }
    return a.factor * b.factor * products[a.vector, b.vector]
  }
}

extension DamageModel {
  /// Measures how units change the output of the model as it is now.
  /// - Parameter references: for each unit the options to measure, at least one of those that have an error.
  static func measure(
    _ candidates: EncodedCandidates, references: [[Int]], countsPairs: Bool, evaluation: any CandidateEvaluation,
    of editor: ModelEditor
  ) throws -> DamageModel {
    var changes: [[Float]] = []
    var lengths: [Double] = []
    var terms: [[Term?]] = []
    for (index, unit) in candidates.units.enumerated() {
      terms.append(
        Self.terms(errors: candidates.errors[index], references: references[index], firstVector: lengths.count))
      for option in references[index] {
        let change = try evaluation.outputChange(
          of: candidates.model(with: index, at: option), from: editor.model, firstChangedBlock: unit.block)
        lengths.append(dotProduct(change, change))
        if countsPairs { changes.append(change) }
        try editor.advance(by: 0)
      }
    }
    if countsPairs {
      return DamageModel(
        terms: terms, products: try products(of: changes, pool: editor.pool), countsPairs: true)
    }
    var products = Matrix(rowCount: lengths.count, columnCount: lengths.count)
    for (index, length) in lengths.enumerated() { products[index, index] = length }
    return DamageModel(terms: terms, products: products, countsPairs: false)
  }

  /// Each option as a multiple of the reference whose error is nearest by ratio, the first of two as near.
  private static func terms(errors: [Double], references: [Int], firstVector: Int) -> [Term?] {
    errors.map { error in
      guard error > 0 else { return nil }
      let ratios = references.map { max(errors[$0] / error, error / errors[$0]) }
      guard let nearest = ratios.indices.min(by: { ratios[$0] < ratios[$1] }) else { return nil }
      return Term(vector: firstVector + nearest, factor: (error / errors[references[nearest]]).squareRoot())
    }
  }

  /// Dot products of all pairs of `vectors`, which are of one length; the same on any number of threads.
  private static func products(of vectors: [[Float]], pool: WorkerPool) throws -> Matrix {
    let rows = try pool.map(vectors.count) { row in
      (0...row).map { dotProduct(vectors[row], vectors[$0]) }
    }
    var products = Matrix(rowCount: vectors.count, columnCount: vectors.count)
    for (row, elements) in rows.enumerated() {
      for (column, product) in elements.enumerated() {
        products[row, column] = product
        products[column, row] = product
      }
    }
    return products
  }

  private static func dotProduct(_ a: [Float], _ b: [Float]) -> Double {
    precondition(a.count == b.count)
    var sum = 0.0
    for index in a.indices { sum += Double(a[index]) * Double(b[index]) }
    return sum
  }
}
