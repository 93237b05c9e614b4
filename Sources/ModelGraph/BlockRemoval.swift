/// Taking blocks out of a program.
extension ModelGraph {
  /// Numbers of the blocks that ``removingBlock(at:)`` can take out: those that read the last value of the block before
  /// them, which no other block reads, and leave one value of the same type.
  ///
  /// The graph must verify. Taking one of them out leaves the others removable.
  public var removableBlocks: [Int] {
    guard let types = try? types() else { return [] }
    let flows = BlockFlow.flows(of: self)
    var readerCounts: [ValueID: Int] = [:]
    for flow in flows { for input in flow.inputs { readerCounts[input, default: 0] += 1 } }
    return blocks.indices.dropFirst().filter { index in
      let flow = flows[index]
      guard !flow.readsIDs, flow.inputs.count == 1, flow.outputs.count == 1, readerCounts[flow.inputs[0]] == 1,
        flow.inputs[0] == blocks[index - 1].statements.last?.result, flows[index - 1].outputs == flow.inputs
      else { return false }
      return types[flow.inputs[0]] == types[flow.outputs[0]]
    }
  }

  /// The graph without block `index`, one of ``removableBlocks``: the value that the block read takes the number of the
  /// one it left, so that every other statement stays as it is. Parameters that nothing uses any more are dropped.
  public func removingBlock(at index: Int) -> ModelGraph {
    precondition(removableBlocks.contains(index), "\(blocks[index].name) cannot be taken out")
    let output = BlockFlow.flows(of: self)[index].outputs[0]
    var graph = self
    graph.blocks.remove(at: index)
    let last = graph.blocks[index - 1].statements.count - 1
    graph.blocks[index - 1].statements[last] = Statement(
      result: output, operation: blocks[index - 1].statements[last].operation)
    graph.parameters = graph.parametersInOrderOfUse()
    return graph
  }

  /// The graph without several of its ``removableBlocks``.
  public func removingBlocks(_ indices: some Sequence<Int>) -> ModelGraph {
    // From the last on, so that the numbers of the others hold.
    indices.sorted(by: >).reduce(self) { $0.removingBlock(at: $1) }
  }

  /// Those of the declared parameters that the program uses, in the order of first use.
  func parametersInOrderOfUse() -> [ParameterDeclaration] {
    guard var table = try? TypeTable(inputs: inputs) else { return [] }
    var unused = Dictionary(parameters.map { ($0.name, $0) }) { first, _ in first }
    var used: [ParameterDeclaration] = []
    for block in blocks {
      for statement in block.statements {
        guard let types = try? table.operandTypes(of: statement, inBlock: block.name),
          let uses = try? statement.operation.parameterUses(operandTypes: types, vocabularyCount: vocabularyCount),
          (try? table.assign(statement, inBlock: block.name)) != nil
        else { return used }
        used += uses.compactMap { unused.removeValue(forKey: $0.name) }
      }
    }
    return used
  }
}
