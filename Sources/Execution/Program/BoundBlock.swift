import ModelGraph

/// One block of a program, bound.
struct BoundBlock {
  let name: String
  let steps: [any Step]
  /// Whether it reads the token ids.
  let readsIDs: Bool
  /// Activations it reads from blocks before it.
  let inputs: [ActivationBuffer]
  /// Activations it leaves for blocks after it.
  let outputs: [ActivationBuffer]

  func run(in frame: Frame) throws {
    for step in steps { try step.run(in: frame) }
  }
}

/// The values that pass into and out of a block.
struct BlockFlow {
  var readsIDs = false
  var inputs: [ValueID] = []
  var outputs: [ValueID] = []

  /// The flow of every block of `graph`, in order.
  static func flows(of graph: ModelGraph) -> [BlockFlow] {
    var flows = [BlockFlow](repeating: BlockFlow(), count: graph.blocks.count)
    var homes: [ValueID: Int] = [:]
    for (index, block) in graph.blocks.enumerated() {
      for statement in block.statements {
        homes[statement.result] = index
        for operand in statement.operation.operands {
          guard let home = homes[operand] else {
            flows[index].readsIDs = true
            continue
          }
          guard home != index else { continue }
          if !flows[index].inputs.contains(operand) { flows[index].inputs.append(operand) }
          if !flows[home].outputs.contains(operand) { flows[home].outputs.append(operand) }
        }
      }
    }
    return flows
  }
}
