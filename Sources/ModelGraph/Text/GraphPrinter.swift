extension ModelGraph: CustomStringConvertible {
  /// The graph in the form that ``init(parsing:)`` reads back.
  ///
  /// A statement whose type cannot be derived prints `?` for it, and then the text does not parse.
  public var text: String {
    var text = "graph \(architecture) vocabulary=\(vocabularyCount) context=\(contextLength)\n"
    for input in inputs { text += "input %\(input.value.index) : ids[\(input.sequence)]\n" }
    ParameterText.print(parameters, into: &text)
    var table = try? TypeTable(inputs: inputs)
    for block in blocks {
      text += "block \(block.name)\n"
      for statement in block.statements {
        let type = try? table?.assign(statement, inBlock: block.name)
        text += "  \(statement) : \(type?.description ?? "?")\n"
      }
    }
    return text
  }

  public var description: String { text }
}

extension Statement: CustomStringConvertible {
  /// `%5 = rms_norm %4 weight=@final_norm span=256 epsilon=1e-05`.
  public var description: String {
    var fields = FieldPrinter()
    operation.printFields(into: &fields)
    let operands = operation.operands.map { " %\($0.index)" }.joined()
    return "%\(result.index) = \(type(of: operation).mnemonic)\(operands)\(fields.text)"
  }
}

extension ValueType: CustomStringConvertible {
  /// `ids[n]` or `[n, 256]`.
  public var description: String {
    switch self {
    case .ids(let sequence): "ids[\(sequence)]"
    case .activation(let sequence, let width): "[\(sequence), \(width)]"
    }
  }
}
