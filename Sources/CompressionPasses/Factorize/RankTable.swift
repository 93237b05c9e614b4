import TensorCore

/// What a matrix may become under a budget of parameters: some ranks, or itself.
struct RankTable: Sendable {
  struct Option: Sendable, Equatable {
    /// Nil for the matrix as it is.
    let rank: Int?
    let parameterCount: Int
    /// What is lost, in a unit shared by all tables.
    let loss: Double
  }

  /// From the fewest parameters to the most.
  let options: [Option]

  /// Ranks below break-even, at which the factors are as large as the matrix: r·(R + d) < R·d.
  ///
  /// They are multiples of 8, so that a later `quantize` finds groups that divide the rows of U; in a matrix with fewer
  /// than four of these, of the next smaller power of two.
  static func ranks(of shape: MatrixShape) -> [Int] {
    let below = (shape.elementCount - 1) / (shape.outputCount + shape.inputCount)
    let step = [8, 4, 2].first { below / $0 >= 4 } ?? 1
    return Array(stride(from: step, through: below, by: step))
  }

  /// Bytes of the table of a matrix and of the energies it is made from.
  static func byteCount(of shape: MatrixShape) -> Int {
    min(shape.outputCount, shape.inputCount) * MemoryLayout<Double>.stride
      + (ranks(of: shape).count + 1) * MemoryLayout<Option>.stride
  }

  /// - Parameters:
  ///   - energies: what each singular direction holds, descending.
  ///   - importance: what a unit of it is worth.
  init(_ shape: MatrixShape, energies: [Double], importance: Double) {
    var tail = energies.reduce(0, +), used = 0
    options =
      Self.ranks(of: shape).map { rank in
        for energy in energies[used..<rank] { tail -= energy }
        used = rank
        return Option(
          rank: rank, parameterCount: rank * (shape.outputCount + shape.inputCount), loss: importance * max(0, tail))
      } + [Option(rank: nil, parameterCount: shape.elementCount, loss: 0)]
  }

  /// The options, one for each table, that lose least together with no more than `parameterCount` parameters: from the
  /// smallest on, always the step that saves most per parameter among those that fit. But for what the last steps leave
  /// over this is the optimum, for it follows the convex hulls of the tables.
  /// - Returns: nil when the smallest are too large already.
  static func choices(_ tables: [RankTable], parameterCount: Int) -> [Option]? {
    var chosen = tables.map { _ in 0 }
    var left = parameterCount - tables.reduce(0) { $0 + $1.options[0].parameterCount }
    guard left >= 0 else { return nil }
    var steps = tables.map { $0.bestStep(from: 0, within: left) }
    while let index = steps.indices.max(by: { (steps[$0]?.slope ?? 0) < (steps[$1]?.slope ?? 0) }),
      let step = steps[index]
    {
      if step.parameterCount <= left {
        chosen[index] = step.target
        left -= step.parameterCount
      }
      steps[index] = tables[index].bestStep(from: chosen[index], within: left)
    }
    return zip(tables, chosen).map { $0.options[$1] }
  }

  private struct Step {
    let target: Int
    let parameterCount: Int
    /// Loss saved per parameter.
    let slope: Double
  }

  private func bestStep(from current: Int, within limit: Int) -> Step? {
    var best: Step?
    for target in options.indices.dropFirst(current + 1) {
      let cost = options[target].parameterCount - options[current].parameterCount
      guard cost <= limit else { break }
      let slope = (options[current].loss - options[target].loss) / Double(cost)
      if slope > best?.slope ?? 0 { best = Step(target: target, parameterCount: cost, slope: slope) }
    }
    return best
  }
}
