/// A function applied to every element.
public struct Activation: Hashable, Sendable {
  public let input: ValueID
  public let function: ActivationFunction
  public init(input: ValueID, function: ActivationFunction) {
    self.input = input
    self.function = function
  }
}

public enum ActivationFunction: String, CaseIterable, Hashable, Sendable {
  /// x · sigmoid(x).
  case silu
  /// x · Φ(x), exact.
  case gelu
  /// The tanh approximation of gelu.
  case geluTanh = "gelu_tanh"
  case relu
}

/// Elementwise product of two values of the same type.
public struct Multiply: Hashable, Sendable {
  public let left: ValueID
  public let right: ValueID
  public init(left: ValueID, right: ValueID) {
    self.left = left
    self.right = right
  }
}

/// Elementwise sum of two values of the same type.
public struct Add: Hashable, Sendable {
  public let left: ValueID
  public let right: ValueID
  public init(left: ValueID, right: ValueID) {
    self.left = left
    self.right = right
  }
}

/// Every element limited to −limit … limit (OLMoE's `clip_qkv`).
public struct Clamp: Hashable, Sendable {
  public let input: ValueID
  public let limit: Float
  public init(input: ValueID, limit: Float) {
    self.input = input
    self.limit = limit
  }
}

/// Every element times a constant (T5's factor on the final state before a tied head).
public struct Scale: Hashable, Sendable {
  public let input: ValueID
  public let factor: Float
  public init(input: ValueID, factor: Float) {
    self.input = input
    self.factor = factor
  }
}

extension Activation: GraphOperation {
  public static let mnemonic = "activation"

  public var operands: [ValueID] { [input] }

  public func parameterUses(operandTypes: [ValueType], vocabularyCount: Int) throws(GraphError) -> [ParameterUse] { [] }

  public func resultType(operandTypes: [ValueType]) throws(GraphError) -> ValueType {
    _ = try operandTypes[0].activation("operand")
    return operandTypes[0]
  }

  public func printFields(into fields: inout FieldPrinter) {
    fields.word("function", function.rawValue)
  }

  public init(operands: [ValueID], fields: inout FieldParser) throws(GraphError) {
    try fields.requireOperands(operands, count: 1)
    self.init(input: operands[0], function: try fields.activationFunction("function"))
  }
}

extension Multiply: GraphOperation {
  public static let mnemonic = "multiply"

  public var operands: [ValueID] { [left, right] }

  public func parameterUses(operandTypes: [ValueType], vocabularyCount: Int) throws(GraphError) -> [ParameterUse] { [] }

  public func resultType(operandTypes: [ValueType]) throws(GraphError) -> ValueType {
    try commonType(of: operandTypes)
  }

  public func printFields(into fields: inout FieldPrinter) {}

  public init(operands: [ValueID], fields: inout FieldParser) throws(GraphError) {
    try fields.requireOperands(operands, count: 2)
    self.init(left: operands[0], right: operands[1])
  }
}

extension Add: GraphOperation {
  public static let mnemonic = "add"

  public var operands: [ValueID] { [left, right] }

  public func parameterUses(operandTypes: [ValueType], vocabularyCount: Int) throws(GraphError) -> [ParameterUse] { [] }

  public func resultType(operandTypes: [ValueType]) throws(GraphError) -> ValueType {
    try commonType(of: operandTypes)
  }

  public func printFields(into fields: inout FieldPrinter) {}

  public init(operands: [ValueID], fields: inout FieldParser) throws(GraphError) {
    try fields.requireOperands(operands, count: 2)
    self.init(left: operands[0], right: operands[1])
  }
}

extension Clamp: GraphOperation {
  public static let mnemonic = "clamp"

  public var operands: [ValueID] { [input] }

  public func parameterUses(operandTypes: [ValueType], vocabularyCount: Int) throws(GraphError) -> [ParameterUse] { [] }

  public func resultType(operandTypes: [ValueType]) throws(GraphError) -> ValueType {
    _ = try operandTypes[0].activation("operand")
    guard limit.isFinite, limit > 0 else { throw .attribute("limit", limit, "must be finite and positive") }
    return operandTypes[0]
  }

  public func printFields(into fields: inout FieldPrinter) {
    fields.number("limit", limit)
  }

  public init(operands: [ValueID], fields: inout FieldParser) throws(GraphError) {
    try fields.requireOperands(operands, count: 1)
    self.init(input: operands[0], limit: try fields.number("limit"))
  }
}

extension Scale: GraphOperation {
  public static let mnemonic = "scale"

  public var operands: [ValueID] { [input] }

  public func parameterUses(operandTypes: [ValueType], vocabularyCount: Int) throws(GraphError) -> [ParameterUse] { [] }

  public func resultType(operandTypes: [ValueType]) throws(GraphError) -> ValueType {
    _ = try operandTypes[0].activation("operand")
    guard factor.isFinite else { throw .attribute("factor", factor, "must be finite") }
    return operandTypes[0]
  }

  public func printFields(into fields: inout FieldPrinter) {
    fields.number("factor", factor)
  }

  public init(operands: [ValueID], fields: inout FieldParser) throws(GraphError) {
    try fields.requireOperands(operands, count: 1)
    self.init(input: operands[0], factor: try fields.number("factor"))
  }
}

/// The one type that the operands of an elementwise operation share.
private func commonType(of types: [ValueType]) throws(GraphError) -> ValueType {
  _ = try types[0].activation("left operand")
  guard types[1] == types[0] else { throw .operandType("right operand", "\(types[0])", types[1]) }
  return types[0]
}
