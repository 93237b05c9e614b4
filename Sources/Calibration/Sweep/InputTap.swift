import ModelGraph

/// A place in a block where an activation goes into one or more matrices.
struct InputTap: Sendable, Equatable {
  /// The matrices that read it, in the graph's order; the first stands for all of them.
  let parameters: [String]
  /// Elements of the activation.
  let width: Int
}

extension InputTap {
  /// The matrices of a block that need not be applied to see the inputs of `observed`: nothing that leads there reads
  /// what they make.
  static func matricesWithoutUse(observing observed: Set<String>, in block: Block) -> Set<String> {
    var needed: Set<ValueID> = [], idle: Set<String> = [], used: Set<String> = []
    for statement in block.statements.reversed() {
      let operation = statement.operation
      let (inner, last): ([String], [String]) =
        switch operation {
        case let linear as Linear: ([], [linear.weight])
        case let head as Head: ([], [head.weight])
        case let mixture as Mixture: matrices(of: mixture)
        default: ([], [])
        }
      let leads = needed.contains(statement.result)
      if leads { used.formUnion(last) } else { idle.formUnion(last) }
      if leads || !observed.isDisjoint(with: inner + last) { needed.formUnion(operation.operands) }
    }
    return idle.subtracting(used)
  }

  /// The matrices of a mixture, without and with the ones that make its result.
  private static func matrices(of mixture: Mixture) -> (inner: [String], last: [String]) {
    let experts = 0..<mixture.expertCount, shared = mixture.shared
    let inner = [mixture.router] + experts.flatMap { mixture.inputMatrices($0) }
    return (
      inner + [shared?.gate, shared?.up, shared?.router].compactMap { $0 },
      experts.map { mixture.down($0) } + [shared?.down].compactMap { $0 }
    )
  }

  /// The taps of block `index`, in the order of their first matrices. Matrices that read the same value share one; so
  /// do an expert's gate and up, and the router and the shared expert share the mixture's own input.
  ///
  /// Tables that are looked up, norms and biases read no activation in this sense.
  static func taps(ofBlock index: Int, in graph: ModelGraph) throws -> [InputTap] {
    let types = try graph.types()
    var taps: [InputTap] = []
    /// Where the tap of a value is.
    var homes: [ValueID: Int] = [:]
    func width(of value: ValueID) -> Int {
      guard case .activation(_, let width)? = types[value] else { return 0 }
      return width
    }
    func read(_ value: ValueID, by names: [String]) {
      if let home = homes[value] {
        taps[home] = InputTap(parameters: taps[home].parameters + names, width: taps[home].width)
      } else {
        homes[value] = taps.count
        taps.append(InputTap(parameters: names, width: width(of: value)))
      }
    }
    for statement in graph.blocks[index].statements {
      switch statement.operation {
      case let linear as Linear: read(linear.input, by: [linear.weight])
      case let head as Head: read(head.input, by: [head.weight])
      case let mixture as Mixture:
        read(mixture.input, by: [mixture.router])
        for expert in 0..<mixture.expertCount {
          taps.append(InputTap(parameters: mixture.inputMatrices(expert), width: width(of: mixture.input)))
          taps.append(InputTap(parameters: [mixture.down(expert)], width: mixture.expertWidth))
        }
        guard let shared = mixture.shared else { continue }
        read(mixture.input, by: [shared.gate, shared.up])
        taps.append(InputTap(parameters: [shared.down], width: shared.width))
        if let router = shared.router { read(mixture.input, by: [router]) }
      default: continue
      }
    }
    return taps
  }
}
