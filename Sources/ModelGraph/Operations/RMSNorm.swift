/// x · weight / sqrt(mean(x²) + epsilon), over each consecutive run of `span` elements of a token's row.
///
/// `span` is the row's width for the usual norm, and the head width for a norm per head; `weight` has `span` elements
/// (Zhang and Sennrich 2019, eq. 4).
public struct RMSNorm: Hashable, Sendable {
  public let input: ValueID
  /// Parameter (span).
  public let weight: String
  public let span: Int
  public let epsilon: Float
  public init(input: ValueID, weight: String, span: Int, epsilon: Float) {
    self.input = input
    self.weight = weight
    self.span = span
    self.epsilon = epsilon
  }
}

extension RMSNorm: GraphOperation {
  public static let mnemonic = "rms_norm"

  public var operands: [ValueID] { [input] }

  public func parameterUses(operandTypes: [ValueType], vocabularyCount: Int) throws(GraphError) -> [ParameterUse] {
    [ParameterUse(name: weight, dimensions: [span])]
  }

  public func resultType(operandTypes: [ValueType]) throws(GraphError) -> ValueType {
    let input = try operandTypes[0].activation("operand")
    try requireAttribute("span", span, in: 1...GraphLimits.dimension)
    guard input.width % span == 0 else { throw .attribute("span", span, "must divide the row of \(input.width)") }
    guard epsilon.isFinite, epsilon >= 0 else {
      throw .attribute("epsilon", epsilon, "must be finite and not negative")
    }
    return operandTypes[0]
  }

  public func printFields(into fields: inout FieldPrinter) {
    fields.parameter("weight", weight)
    fields.integer("span", span)
    fields.number("epsilon", epsilon)
  }

  public init(operands: [ValueID], fields: inout FieldParser) throws(GraphError) {
    try fields.requireOperands(operands, count: 1)
    self.init(
      input: operands[0], weight: try fields.parameter("weight"), span: try fields.integer("span"),
      epsilon: try fields.number("epsilon"))
  }
}
