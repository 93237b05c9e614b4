/// Looks up one row of a table per token id: ids(n) → activation(n, width).
public struct Embed: Hashable, Sendable {
  public let ids: ValueID
  /// Parameter (vocabularyCount, width).
  public let table: String
  public let width: Int
  public init(ids: ValueID, table: String, width: Int) {
    self.ids = ids
    self.table = table
    self.width = width
  }
}

extension Embed: GraphOperation {
  public static let mnemonic = "embed"

  public var operands: [ValueID] { [ids] }

  public func parameterUses(operandTypes: [ValueType], vocabularyCount: Int) throws(GraphError) -> [ParameterUse] {
    [ParameterUse(name: table, dimensions: [vocabularyCount, width])]
  }

  public func resultType(operandTypes: [ValueType]) throws(GraphError) -> ValueType {
    guard case .ids(let sequence) = operandTypes[0] else {
      throw .operandType("operand", "token ids", operandTypes[0])
    }
    try requireAttribute("width", width, in: 1...GraphLimits.dimension)
    return .activation(sequence: sequence, width: width)
  }

  public func printFields(into fields: inout FieldPrinter) {
    fields.parameter("table", table)
    fields.integer("width", width)
  }

  public init(operands: [ValueID], fields: inout FieldParser) throws(GraphError) {
    try fields.requireOperands(operands, count: 1)
    self.init(ids: operands[0], table: try fields.parameter("table"), width: try fields.integer("width"))
  }
}
