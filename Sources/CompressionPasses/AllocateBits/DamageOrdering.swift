import LinearAlgebra

/// Orders configurations by predicted damage per byte saved.
struct DamageOrdering {
  private let units: [AllocationUnit]
  private let damage: DamageModel
  /// By unit, the options on the lower convex hull of bytes and damage, from the most bytes to the fewest.
  private let hulls: [[Int]]

  init(_ units: [AllocationUnit], _ damage: DamageModel) {
    self.units = units
    self.damage = damage
    hulls = units.indices.map { unit in
      Self.hull(
        units[unit].options.enumerated().map { ($1.byteCount, damage.divergence(ofUnit: unit, at: $0)) })
    }
  }

  /// A change of one unit.
  struct Move {
    let unit: Int
    let option: Int
    /// Nats by which the prediction grows; may be negative where changes cancel.
    let damage: Double
    /// Bytes saved; negative where the unit grows.
    let saving: Int

    var damagePerByte: Double { damage / Double(saving) }
  }

  /// Configurations from the largest to the smallest: from the best options everywhere, each takes the step down a hull
  /// that is predicted to do the least damage per byte, given all steps before it.
  func path() -> [Assignment] {
    var state = State(hulls.map { $0[0] }, damage)
    var path = [state.assignment]
    while let move = downwardMoves(from: state).min(by: { $0.damagePerByte < $1.damagePerByte }) {
      state.apply(move)
      path.append(state.assignment)
    }
    return path
  }

  /// The next step down of every unit that has one.
  func downwardMoves(from assignment: Assignment) -> [Move] { downwardMoves(from: State(assignment, damage)) }

  /// `assignment` with its units given larger options, the best use of bytes first, as far as `byteCount` more go.
  func filled(_ assignment: Assignment, byteCount: Int) -> Assignment {
    var state = State(assignment, damage)
    var rest = byteCount
    while let move = upwardMoves(from: state).filter({ -$0.saving <= rest && $0.damage < 0 })
      .max(by: { $0.damagePerByte < $1.damagePerByte })
    {
      state.apply(move)
      rest += move.saving
    }
    return state.assignment
  }

  private func downwardMoves(from state: State) -> [Move] {
    units.indices.compactMap { unit in
      let option = state.assignment[unit]
      return hulls[unit].first { $0 > option }.map { move(unit, to: $0, from: state) }
    }
  }

  private func upwardMoves(from state: State) -> [Move] {
    units.indices.compactMap { unit in
      let option = state.assignment[unit]
      return hulls[unit].last { $0 < option }.map { move(unit, to: $0, from: state) }
    }
  }

  private func move(_ unit: Int, to option: Int, from state: State) -> Move {
    let options = units[unit].options
    return Move(
      unit: unit, option: option, damage: state.damage(ofGiving: option, to: unit),
      saving: options[state.assignment[unit]].byteCount - options[option].byteCount)
  }

  /// Numbers of the points on the lower convex hull; points are in order of falling byte counts.
  private static func hull(_ points: [(byteCount: Int, damage: Double)]) -> [Int] {
    var hull: [Int] = []
    // From the fewest bytes up, each point must be better than those before it, and every gain per byte less than the
    // one before.
    for (index, point) in points.enumerated().reversed() {
      guard let last = hull.last else {
        hull.append(index)
        continue
      }
      if point.byteCount == points[last].byteCount {
        guard point.damage < points[last].damage else { continue }
        hull.removeLast()
      } else if point.damage >= points[last].damage {
        continue
      }
      while hull.count >= 2 {
        let (a, b) = (points[hull[hull.count - 2]], points[hull[hull.count - 1]])
        let before = (a.damage - b.damage) / Double(b.byteCount - a.byteCount)
        let after = (b.damage - point.damage) / Double(point.byteCount - b.byteCount)
        guard after >= before else { break }
        hull.removeLast()
      }
      hull.append(index)
    }
    return hull.reversed()
  }
}

extension DamageOrdering {
  /// A configuration, and the products of the sum of its changes with every measured one.
  private struct State {
    private(set) var assignment: Assignment
    private let model: DamageModel
    private var field: [Double]

    init(_ assignment: Assignment, _ model: DamageModel) {
      self.assignment = assignment
      self.model = model
      field = [Double](repeating: 0, count: model.products.rowCount)
      for (unit, option) in assignment.enumerated() { add(model.terms[unit][option], times: 1) }
    }

    /// By how much the prediction grows when a unit gets another option.
    func damage(ofGiving option: Int, to unit: Int) -> Double {
      guard model.countsPairs else {
        return model.divergence(ofUnit: unit, at: option) - model.divergence(ofUnit: unit, at: assignment[unit])
      }
      let old = model.terms[unit][assignment[unit]], new = model.terms[unit][option]
      let squaredLength = model.product(new, new) - 2 * model.product(new, old) + model.product(old, old)
      return alongSum(new) - alongSum(old) + 0.5 * squaredLength
    }

    /// The product of a change with the sum of all present ones.
    private func alongSum(_ term: DamageModel.Term?) -> Double { term.map { $0.factor * field[$0.vector] } ?? 0 }

    mutating func apply(_ move: Move) {
      add(model.terms[move.unit][assignment[move.unit]], times: -1)
      add(model.terms[move.unit][move.option], times: 1)
      assignment[move.unit] = move.option
    }

    private mutating func add(_ term: DamageModel.Term?, times factor: Double) {
      guard model.countsPairs, let term else { return }
      for index in field.indices { field[index] += factor * term.factor * model.products[term.vector, index] }
    }
  }
}
