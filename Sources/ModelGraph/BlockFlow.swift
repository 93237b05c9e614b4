/// The values that pass into and out of a block.
public struct BlockFlow: Sendable, Equatable {
  /// Whether it reads token ids.
  public private(set) var readsIDs = false
  /// Values of blocks before it that it reads, in the order of first use.
  public private(set) var inputs: [ValueID] = []
  /// Its values that blocks after it read, in the order of first use.
  public private(set) var outputs: [ValueID] = []

  /// The flow of every block of `graph`, in order.
  public static func flows(of graph: ModelGraph) -> [BlockFlow] {
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
