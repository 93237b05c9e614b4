/// Scaled dot-product attention with grouped heads and a key–value cache.
///
/// Query (n, headCount · headWidth), key and value (m, keyValueHeadCount · headWidth); result like the query. All belong
/// to one sequence, but for a cross attention, whose keys and values are those of another one.
/// Query head h reads key–value head h / (headCount / keyValueHeadCount).
public struct Attention: Hashable, Sendable {
  public let query: ValueID
  public let key: ValueID
  public let value: ValueID
  public let headCount: Int
  public let keyValueHeadCount: Int
  public let headWidth: Int
  /// Factor on the dot products before the softmax, usually 1/√headWidth.
  public let scale: Float
  public let mask: AttentionMask
  /// Added to the scaled products before the softmax, if any.
  public let bias: RelativeBias?
  public init(
    query: ValueID, key: ValueID, value: ValueID, headCount: Int, keyValueHeadCount: Int, headWidth: Int, scale: Float,
    mask: AttentionMask, bias: RelativeBias? = nil
  ) {
    self.query = query
    self.key = key
    self.value = value
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount
    self.headWidth = headWidth
    self.scale = scale
    self.mask = mask
    self.bias = bias
  }
}

/// Which positions a token may look at.
public enum AttentionMask: Hashable, Sendable {
  /// Itself and everything before it.
  case causal
  /// Itself and the `width − 1` positions before it.
  case window(width: Int)
  /// Every position of its own sequence.
  case bidirectional
  /// Every position of another sequence.
  case cross
}

extension Attention: GraphOperation {
  public static let mnemonic = "attention"

  public var operands: [ValueID] { [query, key, value] }

  public func parameterUses(operandTypes: [ValueType], vocabularyCount: Int) throws(GraphError) -> [ParameterUse] {
    bias.map { [ParameterUse(name: $0.table, dimensions: [$0.bucketCount, headCount])] } ?? []
  }

  public func resultType(operandTypes: [ValueType]) throws(GraphError) -> ValueType {
    try requireAttribute("heads", headCount, in: 1...GraphLimits.dimension)
    try requireAttribute("kv_heads", keyValueHeadCount, in: 1...headCount)
    try requireAttribute("head", headWidth, in: 1...GraphLimits.dimension)
    guard headCount % keyValueHeadCount == 0 else {
      throw .attribute("kv_heads", keyValueHeadCount, "must divide heads=\(headCount)")
    }
    guard scale.isFinite else { throw .attribute("scale", scale, "must be finite") }
    if case .window(let width) = mask { try requireAttribute("width", width, in: 1...GraphLimits.dimension) }
    try bias?.verify(under: mask)
    let sequence = try operandTypes[0].activation("query").sequence
    let attended = mask == .cross ? try operandTypes[1].activation("key").sequence : sequence
    guard mask != .cross || attended != sequence else {
      throw .attribute("mask", "cross", "looks at another sequence than its own, \(sequence)")
    }
    try require(operandTypes[0], "query", sequence, headCount)
    try require(operandTypes[1], "key", attended, keyValueHeadCount)
    try require(operandTypes[2], "value", attended, keyValueHeadCount)
    return operandTypes[0]
  }

  public func printFields(into fields: inout FieldPrinter) {
    fields.integer("heads", headCount)
    fields.integer("kv_heads", keyValueHeadCount)
    fields.integer("head", headWidth)
    fields.number("scale", scale)
    switch mask {
    case .causal: fields.word("mask", "causal")
    case .window(let width):
      fields.word("mask", "window")
      fields.integer("width", width)
    case .bidirectional: fields.word("mask", "bidirectional")
    case .cross: fields.word("mask", "cross")
    }
    guard let bias else { return }
    fields.parameter("bias", bias.table)
    fields.integer("buckets", bias.bucketCount)
    fields.integer("distance", bias.distanceLimit)
  }

  public init(operands: [ValueID], fields: inout FieldParser) throws(GraphError) {
    try fields.requireOperands(operands, count: 3)
    self.init(
      query: operands[0], key: operands[1], value: operands[2], headCount: try fields.integer("heads"),
      keyValueHeadCount: try fields.integer("kv_heads"), headWidth: try fields.integer("head"),
      scale: try fields.number("scale"), mask: try AttentionMask(fields: &fields),
      bias: try RelativeBias(fields: &fields))
  }

  private func require(_ type: ValueType, _ operand: String, _ sequence: String, _ heads: Int) throws(GraphError) {
    let expected = ValueType.activation(sequence: sequence, width: heads * headWidth)
    guard type == expected else { throw .operandType(operand, "\(expected)", type) }
  }
}

extension AttentionMask {
  fileprivate init(fields: inout FieldParser) throws(GraphError) {
    switch try fields.word("mask", of: ["causal", "window", "bidirectional", "cross"]) {
    case "window": self = .window(width: try fields.integer("width"))
    case "bidirectional": self = .bidirectional
    case "cross": self = .cross
    default: self = .causal
    }
  }
}
