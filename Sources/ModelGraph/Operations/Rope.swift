/// Rotary position embedding (Su et al. 2021) on every head of a row: element i of a head's first half turns with element
/// i of its second half by position · frequency(i).
public struct Rope: Hashable, Sendable {
  public let input: ValueID
  public let headWidth: Int
  /// Base of the frequencies: frequency(i) = base^(−2i / headWidth), before scaling.
  public let base: Double
  public let scaling: RopeScaling
  public init(input: ValueID, headWidth: Int, base: Double, scaling: RopeScaling) {
    self.input = input
    self.headWidth = headWidth
    self.base = base
    self.scaling = scaling
  }
}

/// How the frequencies are stretched to a longer context.
public enum RopeScaling: Hashable, Sendable {
  case none
  /// Every frequency divided by `factor`.
  case linear(factor: Double)
  /// Llama 3.1: low frequencies divided by `factor`, high ones kept, those between blended.
  case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContextLength: Int)
}

extension Rope: GraphOperation {
  public static let mnemonic = "rope"

  public var operands: [ValueID] { [input] }

  public func parameterUses(operandTypes: [ValueType], vocabularyCount: Int) throws(GraphError) -> [ParameterUse] { [] }

  public func resultType(operandTypes: [ValueType]) throws(GraphError) -> ValueType {
    let input = try operandTypes[0].activation("operand")
    try requireAttribute("head", headWidth, in: 2...GraphLimits.dimension)
    guard headWidth % 2 == 0 else { throw .attribute("head", headWidth, "must be even: elements turn in pairs") }
    guard input.width % headWidth == 0 else {
      throw .attribute("head", headWidth, "must divide the row of \(input.width)")
    }
    try requirePositive("base", base)
    switch scaling {
    case .none: break
    case .linear(let factor): try requirePositive("factor", factor)
    case .llama3(let factor, let low, let high, let original):
      try requirePositive("factor", factor)
      try requirePositive("low", low)
      try requirePositive("high", high)
      guard low < high else { throw .attribute("low", low, "must be less than high=\(high)") }
      try requireAttribute("original", original, in: 1...GraphLimits.dimension)
    }
    return operandTypes[0]
  }

  public func printFields(into fields: inout FieldPrinter) {
    fields.integer("head", headWidth)
    fields.number("base", base)
    switch scaling {
    case .none: fields.word("scaling", "none")
    case .linear(let factor):
      fields.word("scaling", "linear")
      fields.number("factor", factor)
    case .llama3(let factor, let low, let high, let original):
      fields.word("scaling", "llama3")
      fields.number("factor", factor)
      fields.number("low", low)
      fields.number("high", high)
      fields.integer("original", original)
    }
  }

  public init(operands: [ValueID], fields: inout FieldParser) throws(GraphError) {
    try fields.requireOperands(operands, count: 1)
    let headWidth: Int = try fields.integer("head")
    let base: Double = try fields.number("base")
    let scaling: RopeScaling
    switch try fields.word("scaling", of: ["none", "linear", "llama3"]) {
    case "linear": scaling = .linear(factor: try fields.number("factor"))
    case "llama3":
      scaling = .llama3(
        factor: try fields.number("factor"), lowFrequencyFactor: try fields.number("low"),
        highFrequencyFactor: try fields.number("high"), originalContextLength: try fields.integer("original"))
    default: scaling = .none
    }
    self.init(input: operands[0], headWidth: headWidth, base: base, scaling: scaling)
  }

  private func requirePositive(_ name: String, _ value: Double) throws(GraphError) {
    guard value.isFinite, value > 0 else { throw .attribute(name, value, "must be finite and positive") }
  }
}
