/// y = x·Wᵀ + b, from width inputCount to width outputCount.
public struct Linear: Hashable, Sendable {
  public let input: ValueID
  /// Parameter (outputCount, inputCount).
  public let weight: String
  /// Parameter (outputCount), if any.
  public let bias: String?
  public let outputCount: Int
  public init(input: ValueID, weight: String, bias: String? = nil, outputCount: Int) {
    self.input = input
    self.weight = weight
    self.bias = bias
    self.outputCount = outputCount
  }
}

extension Linear: GraphOperation {
  public static let mnemonic = "linear"

  public var operands: [ValueID] { [input] }

  public func parameterUses(operandTypes: [ValueType], vocabularyCount: Int) throws(GraphError) -> [ParameterUse] {
    let input = try operandTypes[0].activation("operand")
    var uses = [ParameterUse(name: weight, dimensions: [outputCount, input.width])]
    if let bias { uses.append(ParameterUse(name: bias, dimensions: [outputCount])) }
    return uses
  }

  public func resultType(operandTypes: [ValueType]) throws(GraphError) -> ValueType {
    let input = try operandTypes[0].activation("operand")
    try requireAttribute("outputs", outputCount, in: 1...GraphLimits.dimension)
    return .activation(sequence: input.sequence, width: outputCount)
  }

  public func printFields(into fields: inout FieldPrinter) {
    fields.parameter("weight", weight)
    if let bias { fields.parameter("bias", bias) }
    fields.integer("outputs", outputCount)
  }

  public init(operands: [ValueID], fields: inout FieldParser) throws(GraphError) {
    try fields.requireOperands(operands, count: 1)
    self.init(
      input: operands[0], weight: try fields.parameter("weight"), bias: try fields.parameterIfPresent("bias"),
      outputCount: try fields.integer("outputs"))
  }
}
