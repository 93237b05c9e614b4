extension ModelGraph {
  /// Reads the text form back and verifies the graph.
  ///
  /// The form is exact: single spaces, numbers spelled as they are printed, fields in order, nothing optional.
  /// Takes time linear in the text and what it declares, within ``GraphLimits``.
  /// - Throws: `GraphError.syntax` with the place, or the rule that the graph breaks.
  public init(parsing text: String) throws(GraphError) {
    guard text.utf8.count <= GraphLimits.textByteCount else {
      throw .textTooLong(byteCount: text.utf8.count, limit: GraphLimits.textByteCount)
    }
    var parser = GraphParser(text)
    self = try parser.graph()
    try verify()
  }
}

/// Recursive descent over the lines of a graph's text.
private struct GraphParser {
  private var scanner: TextScanner

  init(_ text: String) { scanner = TextScanner(text) }

  mutating func graph() throws(GraphError) -> ModelGraph {
    try scanner.expect("graph ")
    let architecture = try scanner.name("an architecture's name")
    try scanner.expect(" vocabulary=")
    let vocabularyCount = try scanner.integer("a number of tokens")
    try scanner.expect(" context=")
    let contextLength = try scanner.integer("a number of tokens")
    try scanner.endLine()
    var inputs: [GraphInput] = []
    while scanner.take("input ") { inputs.append(try input()) }
    var parameters: [ParameterDeclaration] = []
    while scanner.starts(with: "parameter") {
      if scanner.take("parameters @") { try experts(into: &parameters) } else { parameters.append(try parameter()) }
      guard parameters.count <= GraphLimits.parameterCount else {
        throw .tooMany("parameters", limit: GraphLimits.parameterCount)
      }
    }
    var table = try TypeTable(inputs: inputs)
    var blocks: [Block] = []
    while !scanner.isAtEnd { blocks.append(try block(&table)) }
    return ModelGraph(
      architecture: architecture, vocabularyCount: vocabularyCount, contextLength: contextLength, inputs: inputs,
      parameters: parameters, blocks: blocks)
  }

  /// `%0 : ids[n]`
  private mutating func input() throws(GraphError) -> GraphInput {
    let id = try value()
    try scanner.expect(" : ids[")
    let sequence = try scanner.name("a sequence's name")
    try scanner.expect("]")
    try scanner.endLine()
    return GraphInput(value: id, sequence: sequence)
  }

  /// `parameter @final_norm norm [256]`
  private mutating func parameter() throws(GraphError) -> ParameterDeclaration {
    try scanner.expect("parameter @")
    let name = try scanner.name("a parameter's name")
    try scanner.expect(" ")
    let role = try role()
    try scanner.expect(" ")
    let dimensions = try dimensions()
    try scanner.endLine()
    return ParameterDeclaration(name: name, role: role, dimensions: dimensions)
  }

  /// What follows `parameters @`: `layers.0.mlp.experts.{0..15} expert gate [512, 256] up [512, 256] down [256, 512]`
  private mutating func experts(into parameters: inout [ParameterDeclaration]) throws(GraphError) {
    let prefix = try scanner.run("the experts' name") { $0.isNamePart || $0 == UInt8(ascii: ".") }
    guard prefix.utf8.last == UInt8(ascii: ".") else { throw scanner.unexpected("`.{`") }
    try scanner.expect("{")
    let first = try scanner.integer("an expert's number")
    try scanner.expect("..")
    let beforeLast = scanner
    let last = try scanner.integer("an expert's number")
    guard first <= last, last < GraphLimits.expertCount else {
      throw beforeLast.unexpected("a number in \(first)..\(GraphLimits.expertCount - 1)")
    }
    try scanner.expect("} ")
    let role = try role()
    let form = ParameterText.forms.first { scanner.starts(with: " \($0[0]) ") } ?? ParameterText.forms[0]
    var parts: [(name: String, dimensions: [Int])] = []
    for part in form {
      try scanner.expect(" \(part) ")
      parts.append((part, try dimensions()))
    }
    try scanner.endLine()
    guard parameters.count + (last - first + 1) * parts.count <= GraphLimits.parameterCount else {
      throw .tooMany("parameters", limit: GraphLimits.parameterCount)
    }
    for expert in first...last {
      for part in parts {
        parameters.append(
          ParameterDeclaration(name: "\(prefix)\(expert).\(part.name)", role: role, dimensions: part.dimensions))
      }
    }
  }

  private mutating func role() throws(GraphError) -> ParameterRole {
    let before = scanner
    guard let role = ParameterRole(rawValue: try scanner.name("a role")) else { throw before.unexpected("a role") }
    return role
  }

  /// `[4096, 256]`
  private mutating func dimensions() throws(GraphError) -> [Int] {
    try scanner.expect("[")
    var dimensions = [try scanner.integer("a dimension")]
    while scanner.take(", ") { dimensions.append(try scanner.integer("a dimension")) }
    try scanner.expect("]")
    return dimensions
  }

  /// `block layers.0` and its statements, which are indented.
  private mutating func block(_ table: inout TypeTable) throws(GraphError) -> Block {
    try scanner.expect("block ")
    let name = try scanner.name("a block's name")
    try scanner.endLine()
    var statements: [Statement] = []
    while scanner.take("  ") { statements.append(try statement(inBlock: name, &table)) }
    return Block(name: name, statements: statements)
  }

  /// `%5 = rms_norm %4 weight=@final_norm span=256 epsilon=1e-05 : [n, 256]`
  private mutating func statement(inBlock block: String, _ table: inout TypeTable) throws(GraphError) -> Statement {
    let result = try value()
    try scanner.expect(" = ")
    let atMnemonic = scanner
    guard let kind = OperationCatalog.kind(named: try scanner.name("an operation")) else {
      let known = OperationCatalog.kinds.map { $0.mnemonic }.joined(separator: ", ")
      throw atMnemonic.unexpected("one of \(known)")
    }
    var operands: [ValueID] = []
    while scanner.starts(with: " %") {
      try scanner.expect(" ")
      operands.append(try value())
    }
    var fields: [FieldParser.Field] = []
    while !scanner.starts(with: " : ") { fields.append(try field()) }
    var parser = FieldParser(fields, from: atMnemonic.place, to: scanner.place)
    let operation = try kind.init(operands: operands, fields: &parser)
    try parser.requireEnd()
    try scanner.expect(" : ")
    let statement = Statement(result: result, operation: operation)
    let type = try table.assign(statement, inBlock: block)
    try scanner.expect(type.description)
    try scanner.endLine()
    return statement
  }

  /// ` key=value`
  private mutating func field() throws(GraphError) -> FieldParser.Field {
    guard scanner.take(" ") else { throw scanner.unexpected("a field or ` : `") }
    let place = scanner.place
    let key = try scanner.run("a field's key") { $0.isNamePart }
    try scanner.expect("=")
    let value = try scanner.run("a field's value") { $0 > UInt8(ascii: " ") && $0 < 0x7F }
    return FieldParser.Field(key: key, value: value, line: place.line, column: place.column)
  }

  private mutating func value() throws(GraphError) -> ValueID {
    try scanner.expect("%")
    return ValueID(try scanner.integer("a value's number"))
  }
}
