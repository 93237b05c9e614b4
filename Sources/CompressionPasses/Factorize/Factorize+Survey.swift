import DecodeKernels
import Encodings
import ModelGraph
import ModelIR
import PassKit
import TensorCore

extension Factorize {
  /// A matrix as the survey sees it.
  private struct Surveyed: Sendable {
    let assignment: EncodingAssignment
    /// The squares of the singular values, descending.
    let energies: [Double]
    /// What the model's output loses by the planned rank in this matrix alone, where that is measured.
    let damage: Double?

    var energy: Double { energies.reduce(0, +) }

    func tail(from rank: Int) -> Double { energies.dropFirst(rank).reduce(0, +) }
  }

  /// Finds the singular values of every matrix, chooses the ranks, and sets them as intents.
  public func survey(_ model: ModelEditor) throws {
    let surveyed = try singularValues(model)
    var chosen: [(matrix: Surveyed, rank: Int?)]
    switch options.budget {
    case .energy(let share): chosen = surveyed.map { ($0, rank(of: $0, keeping: share)) }
    case .parameters(let share): chosen = try allot(surveyed, share: share)
    case .correction: return
    }
    guard chosen.contains(where: { $0.rank != nil }) else {
      throw PassError.nothingToDo(
        why: "every matrix would need a rank at or past break-even",
        fix: "ask for less of the energy or of the parameters, or remove this step")
    }
    for (matrix, rank) in chosen {
      guard let rank else { continue }
      model.setIntent(options.encoding(rank: rank), of: matrix.assignment.parameter)
    }
    let kept = chosen.filter { $0.rank == nil }.map(\.matrix.assignment.parameter.name)
    if !kept.isEmpty { model.note("at or past break-even, and left as they are: \(kept.joined(separator: ", "))") }
    model.report(table(chosen))
  }

  private func table(_ chosen: [(matrix: Surveyed, rank: Int?)]) -> ReportTable {
    var table = ReportTable(title: "ranks", columns: ["parameter", "rank", "damage at the planned rank"])
    for (matrix, rank) in chosen {
      table.append([
        .text(matrix.assignment.parameter.name), rank.map { .number(Double($0)) } ?? .text("as it is"),
        matrix.damage.map(ReportTable.Cell.number) ?? .text("not measured"),
      ])
    }
    return table
  }

  /// The smallest rank that keeps `share` of the energy; nil where the factors would not be smaller than the matrix.
  private func rank(of matrix: Surveyed, keeping share: Double) -> Int? {
    let shape = matrix.assignment.shape, limit = (1 - share) * matrix.energy
    let full = min(shape.outputCount, shape.inputCount)
    let ranks = RankTable.ranks(of: shape)
    let step = ranks.first ?? 1
    let wanted = (1...full).first { matrix.tail(from: $0) <= limit } ?? full
    let rank = min((wanted + step - 1) / step * step, full)
    return options.allowsGrowth || rank <= ranks.last ?? 0 ? rank : nil
  }

  /// Ranks under one budget; see ``RankTable/choices(_:parameterCount:)``.
  private func allot(_ surveyed: [Surveyed], share: Double) throws -> [(matrix: Surveyed, rank: Int?)] {
    let tables = surveyed.map { matrix in
      RankTable(matrix.assignment.shape, energies: matrix.energies, importance: importance(of: matrix))
    }
    let whole = surveyed.reduce(0) { $0 + $1.assignment.shape.elementCount }
    guard let options = RankTable.choices(tables, parameterCount: Int(share * Double(whole))) else {
      throw PassError.nothingToDo(
        why: "even factors of the smallest rank are more than the share asked for",
        fix: "raise parameters, or exclude small matrices with targets")
    }
    return zip(surveyed, options).map { ($0, $1.rank) }
  }

  /// What a unit of lost energy is worth. The damage measured at one rank says less of other ranks the larger it is: it
  /// is drawn towards what the relative loss says, by a quarter of its logarithm.
  private func importance(of matrix: Surveyed) -> Double {
    let energy = matrix.energy
    guard energy > 0 else { return 0 }
    guard let damage = matrix.damage, damage > 0, case .lowRank(let rank, _, _) = matrix.assignment.after else { return 1 / energy }
    let tail = matrix.tail(from: rank)
    guard tail > 0 else { return 0 }
    let share = (damage / (tail / energy)).squareRoot()
    return share * share.squareRoot() / energy
  }

  /// Factorizes every matrix against the inputs it has in the model as it is now.
  private func singularValues(_ model: ModelEditor) throws -> [Surveyed] {
    let assignments = Dictionary(uniqueKeysWithValues: model.assignments.map { ($0.parameter.name, $0) })
    var found: [String: Surveyed] = [:]
    let multiplied = model.assignments.map(\.parameter).filter { parameter in
      options.method != .svd && (model.graph.isTied || !model.graph.blocks.contains { $0.looksUp(parameter.name) })
    }
    let names = Set(multiplied.map(\.name))
    let numbers = Dictionary(
      uniqueKeysWithValues: model.graph.blocks.enumerated().map { ($0.element.name, $0.offset) })
    func survey(_ parameters: [ParameterDeclaration], _ inputs: (any BlockInputs)?, block: Int) throws {
      for first in stride(from: 0, to: parameters.count, by: model.pool.threadCount) {
        let wave = parameters[first..<min(first + model.pool.threadCount, parameters.count)]
        let jobs = try wave.compactMap { parameter in
          try assignments[parameter.name].map {
            FactorizationJob(
              assignment: $0, value: model.value(of: parameter), original: nil,
              inputs: try options.method.inputs(
                of: parameter.name, isLookedUp: !names.contains(parameter.name), inputs),
              context: model.context)
          }
        }
        let results = try model.pool.map(jobs.count) { try jobs[$0].survey(needsValue: evaluatesCandidates) }
        for (job, result) in zip(jobs, results) {
          let damage = try result.value.map { try self.damage(of: $0, for: job.assignment, block: block, model) }
          found[job.assignment.parameter.name] = Surveyed(
            assignment: job.assignment, energies: result.energies, damage: damage)
          try model.advance(by: 0)
        }
      }
    }
    for (number, owned) in model.graph.parametersByLastUse().enumerated() {
      try survey(owned.filter { assignments[$0.name] != nil && !names.contains($0.name) }, nil, block: number)
    }
    if !multiplied.isEmpty {
      try model.forEachBlock(need: calibrationNeed, parameters: multiplied) { block, parameters, inputs in
        try survey(parameters, inputs, block: numbers[block.name] ?? 0)
      }
    }
    return model.assignments.compactMap { found[$0.parameter.name] }
  }

  /// What the model's output loses, half the squared length of its change, when one matrix alone has the planned rank.
  private func damage(
    of candidate: [UInt8], for assignment: EncodingAssignment, block: Int, _ model: ModelEditor
  ) throws -> Double {
    guard let evaluation = model.evaluation else { throw PassError.needsCalibration }
    var changed = model.model
    changed.values[assignment.parameter.name] = ParameterValue(
      encoding: assignment.after, storage: InMemoryBytes(candidate))
    let isShared = model.graph.isTied && assignment.parameter.role == .embedding
    let change = try evaluation.outputChange(
      of: changed, from: model.model, firstChangedBlock: isShared ? 0 : block)
    return change.reduce(0) { $0 + Double($1) * Double($1) } / 2
  }
}
