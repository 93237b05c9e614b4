extension ModelGraph {
  /// The declaration of the parameter called `name`.
  public func parameter(named name: String) -> ParameterDeclaration? {
    parameters.first { $0.name == name }
  }

  /// The type of every value.
  /// - Throws: where the program is not in order; see ``verify()``.
  public func types() throws(GraphError) -> [ValueID: ValueType] {
    var table = try TypeTable(inputs: inputs)
    for block in blocks {
      for statement in block.statements { _ = try table.assign(statement, inBlock: block.name) }
    }
    return table.types
  }

  /// The parameters each block brings: those it is the first to use, in declaration order. Together they are all
  /// parameters, each once; a tied head brings no table of its own.
  ///
  /// The graph must verify; what lies behind a statement out of order is left out.
  public func parametersByBlock() -> [(block: String, parameters: [ParameterDeclaration])] {
    var result: [(block: String, parameters: [ParameterDeclaration])] = []
    guard var table = try? TypeTable(inputs: inputs) else { return [] }
    var next = parameters.startIndex
    for block in blocks {
      let first = next
      for statement in block.statements {
        guard let types = try? table.operandTypes(of: statement, inBlock: block.name),
          let uses = try? statement.operation.parameterUses(operandTypes: types, vocabularyCount: vocabularyCount),
          (try? table.assign(statement, inBlock: block.name)) != nil
        else { break }
        for use in uses where next < parameters.endIndex && use.name == parameters[next].name { next += 1 }
      }
      result.append((block.name, Array(parameters[first..<next])))
    }
    return result
  }

  /// The parameters each block is the last to use, in declaration order. Together they are all parameters, each once; a
  /// tied embedding belongs to the head, so that it is rewritten when nothing needs it as it was any more.
  public func parametersByLastUse() -> [[ParameterDeclaration]] {
    var result = parametersByBlock().map(\.parameters)
    guard isTied, let head = blocks.last?.statements.last?.operation as? Head,
      let home = result.firstIndex(where: { $0.contains { $0.name == head.weight } }), home != result.count - 1,
      let place = result[home].firstIndex(where: { $0.name == head.weight })
    else { return result }
    result[result.count - 1].append(result[home].remove(at: place))
    return result
  }

  /// The parameters that the block called `name` brings; see ``parametersByBlock()``.
  public func parameters(ofBlock name: String) -> [ParameterDeclaration] {
    parametersByBlock().first { $0.block == name }?.parameters ?? []
  }

  /// The block that is the first to use the parameter called `name`.
  public func block(ofParameter name: String) -> String? {
    parametersByBlock().first { $0.parameters.contains { $0.name == name } }?.block
  }

  /// The sequence that an encoder reads, as a whole and before the other one; nil where the model reads one sequence.
  public var sourceSequence: String? { inputs.count > 1 ? inputs[0].sequence : nil }

  /// Whether the head multiplies by the embedding table.
  public var isTied: Bool {
    guard let head = blocks.last?.statements.last?.operation as? Head else { return false }
    return blocks.contains { $0.statements.contains { ($0.operation as? Embed)?.table == head.weight } }
  }
}

extension Statement: Equatable {
  public static func == (a: Statement, b: Statement) -> Bool {
    a.result == b.result && a.operation.isEqual(to: b.operation)
  }
}
