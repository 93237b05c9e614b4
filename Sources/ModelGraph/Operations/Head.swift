/// Logits: a linear map from the final hidden state to the vocabulary. Only positions whose logits are wanted are
/// computed.
public struct Head: Hashable, Sendable {
  public let input: ValueID
  /// Parameter (vocabularyCount, width); the embedding table itself where the two are tied.
  public let weight: String
  public let vocabularyCount: Int
  public init(input: ValueID, weight: String, vocabularyCount: Int) {
    self.input = input
    self.weight = weight
    self.vocabularyCount = vocabularyCount
  }
}

extension Head: GraphOperation {
  public static let mnemonic = "head"

  public var operands: [ValueID] { [input] }

  public func parameterUses(operandTypes: [ValueType], vocabularyCount: Int) throws(GraphError) -> [ParameterUse] {
    let input = try operandTypes[0].activation("operand")
    return [ParameterUse(name: weight, dimensions: [self.vocabularyCount, input.width])]
  }

  public func resultType(operandTypes: [ValueType]) throws(GraphError) -> ValueType {
    let input = try operandTypes[0].activation("operand")
    try requireAttribute("vocabulary", vocabularyCount, in: 1...GraphLimits.dimension)
    return .activation(sequence: input.sequence, width: vocabularyCount)
  }

  public func printFields(into fields: inout FieldPrinter) {
    fields.parameter("weight", weight)
    fields.integer("vocabulary", vocabularyCount)
  }

  public init(operands: [ValueID], fields: inout FieldParser) throws(GraphError) {
    try fields.requireOperands(operands, count: 1)
    self.init(
      input: operands[0], weight: try fields.parameter("weight"), vocabularyCount: try fields.integer("vocabulary"))
  }
}
