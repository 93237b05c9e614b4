import Diagnostics
import ModelGraph
import Testing

/// One way to break the sample, and what the verifier says to it.
struct BrokenGraph: Sendable, CustomTestStringConvertible {
  let rule: String
  let expected: GraphError
  let damage: @Sendable (inout ModelGraph) -> Void

  init(_ rule: String, _ expected: GraphError, _ damage: @escaping @Sendable (inout ModelGraph) -> Void) {
    self.rule = rule
    self.expected = expected
    self.damage = damage
  }

  var testDescription: String { rule }
}

private let longName = String(repeating: "a", count: 256)

private func place(_ result: Int, _ mnemonic: String, _ block: String = "layers.0") -> StatementPlace {
  StatementPlace(block: block, result: ValueID(result), mnemonic: mnemonic)
}

private func activation(_ width: Int, _ sequence: String = "n") -> ValueType {
  .activation(sequence: sequence, width: width)
}

private func attribute(_ name: String, _ value: String, _ rule: String, _ place: StatementPlace) -> GraphError {
  .operation(.attribute(name: name, value: value, rule: rule), statement: place)
}

private func rope(_ head: Int, _ base: Double = 10_000, _ scaling: RopeScaling = .none) -> Rope {
  Rope(input: ValueID(5), headWidth: head, base: base, scaling: scaling)
}

private func attention(
  _ heads: Int, _ keyValueHeads: Int, key: Int = 9, scale: Float = 0.5, mask: AttentionMask = .causal
) -> Attention {
  Attention(
    query: ValueID(8), key: ValueID(key), value: ValueID(7), headCount: heads, keyValueHeadCount: keyValueHeads,
    headWidth: 4, scale: scale, mask: mask)
}

private func mixture(_ experts: Int, _ active: Int, width: Int = 6) -> Mixture {
  Mixture(
    input: ValueID(18), router: "layers.1.mlp.router", experts: "layers.1.mlp.experts", expertCount: experts,
    activeCount: active, expertWidth: width, normalizesGates: true, function: .silu, shared: nil)
}

private let sizeRule = "must lie in 1…\(GraphLimits.dimension)"

private let structure: [BrokenGraph] = [
  BrokenGraph("architecture has a name", .malformedName("")) { $0.architecture = "" },
  BrokenGraph("names have no empty parts", .malformedName("a..b")) { $0.architecture = "a..b" },
  BrokenGraph("names are short", .malformedName(longName)) { $0.architecture = longName },
  BrokenGraph(
    "vocabulary is positive",
    .outOfRange(quantity: "vocabulary", of: "the graph", value: 0, allowed: 1...GraphLimits.dimension)
  ) { $0.vocabularyCount = 0 },
  BrokenGraph(
    "context is bounded",
    .outOfRange(quantity: "context", of: "the graph", value: 1 << 40, allowed: 1...GraphLimits.dimension)
  ) { $0.contextLength = 1 << 40 },
  BrokenGraph("there is an input", .noInput) { $0.inputs = [] },
  BrokenGraph("inputs come first", .inputNumber(found: ValueID(3), expected: ValueID(0))) {
    $0.inputs = [GraphInput(value: ValueID(3), sequence: "n")]
  },
  BrokenGraph("sequences have names", .malformedName("a b")) {
    $0.inputs = [GraphInput(value: ValueID(0), sequence: "a b")]
  },
  BrokenGraph("block names are unique", .duplicateBlock("layers.0")) {
    $0.blocks[2] = Block(name: "layers.0", statements: $0.blocks[2].statements)
  },
  BrokenGraph("block names are names", .malformedName("layers 1")) {
    $0.blocks[2] = Block(name: "layers 1", statements: $0.blocks[2].statements)
  },
  BrokenGraph("blocks compute", .emptyBlock("more")) { $0.blocks.insert(Block(name: "more", statements: []), at: 3) },
  BrokenGraph("numbers increase", .resultNumber(statement: place(12, "linear"), after: ValueID(12))) {
    $0.blocks[1].statements[11] = SampleGraph.statement(
      12, Linear(input: ValueID(12), weight: "layers.0.mlp.gate", outputCount: 12))
  },
  BrokenGraph(
    "numbers are bounded",
    .outOfRange(
      quantity: "number", of: "\(place(1 << 40, "head", "head"))", value: 1 << 40, allowed: 0...GraphLimits.dimension)
  ) {
    $0.blocks[3].statements[1] = SampleGraph.statement(
      1 << 40, Head(input: ValueID(22), weight: "head", vocabularyCount: 32))
  },
  BrokenGraph("operands are defined", .undefinedOperand(ValueID(13), statement: place(12, "add"))) {
    $0.replace(12, with: Add(left: ValueID(1), right: ValueID(13)))
  },
  BrokenGraph("gaps define nothing", .undefinedOperand(ValueID(19), statement: place(21, "add", "layers.1"))) {
    $0.replace(21, with: Add(left: ValueID(18), right: ValueID(19)))
  },
  BrokenGraph("the end is a head", .notLogits("it is a rms_norm")) {
    $0.blocks[3].statements.removeLast()
    $0.parameters.removeLast()
  },
  BrokenGraph("the head covers the vocabulary", .notLogits("it has 16 rows of 32")) {
    $0.replace(23, with: Head(input: ValueID(22), weight: "head", vocabularyCount: 16))
    $0.redeclare("head", [16, 8])
  },
  BrokenGraph("there are statements", .notLogits("there are no statements")) {
    $0.blocks = []
    $0.parameters = []
  },
]

private let declarations: [BrokenGraph] = [
  BrokenGraph("names are unique", .duplicateParameter("embedding")) { $0.parameters.append($0.parameters[0]) },
  BrokenGraph("parameters have names", .malformedName("@")) {
    $0.parameters[0] = ParameterDeclaration(name: "@", role: .embedding, dimensions: [32, 8])
  },
  BrokenGraph(
    "dimensions are positive",
    .outOfRange(quantity: "dimension", of: "parameter head", value: 0, allowed: 1...GraphLimits.dimension)
  ) { $0.redeclare("head", [0, 8]) },
  BrokenGraph(
    "rank is one or two", .outOfRange(quantity: "rank", of: "parameter head", value: 3, allowed: 1...2)
  ) { $0.redeclare("head", [32, 8, 1]) },
  BrokenGraph("products are bounded", .elementCount(parameter: "head", dimensions: [1 << 31, 1 << 31])) {
    $0.redeclare("head", [1 << 31, 1 << 31])
  },
  BrokenGraph("the number of declarations is bounded", .tooMany("parameters", limit: GraphLimits.parameterCount)) {
    $0.parameters += Array(repeating: $0.parameters[0], count: GraphLimits.parameterCount)
  },
  BrokenGraph("every use is declared", .undeclaredParameter("embedding", statement: place(1, "embed", "embedding"))) {
    $0.parameters.removeFirst()
  },
  BrokenGraph("every declaration is used", .unusedParameter("extra")) {
    $0.parameters.append(ParameterDeclaration(name: "extra", role: .other, dimensions: [1]))
  },
  BrokenGraph(
    "declarations follow first use",
    .parameterOrder(found: "head", expected: "final_norm")
  ) { $0.parameters.swapAt($0.parameters.count - 1, $0.parameters.count - 2) },
  BrokenGraph(
    "a matrix fits its input",
    .parameterDimensions(
      "layers.0.mlp.down", declared: [8, 11], used: [8, 12], statement: place(17, "linear"))
  ) { $0.redeclare("layers.0.mlp.down", [8, 11]) },
  BrokenGraph(
    "a bias fits its matrix",
    .parameterDimensions(
      "layers.0.attention.query_bias", declared: [9], used: [8], statement: place(3, "linear"))
  ) { $0.redeclare("layers.0.attention.query_bias", [9]) },
  BrokenGraph(
    "a table has a row per token",
    .parameterDimensions("embedding", declared: [31, 8], used: [32, 8], statement: place(1, "embed", "embedding"))
  ) { $0.redeclare("embedding", [31, 8]) },
  BrokenGraph(
    "a norm fits its span",
    .parameterDimensions("final_norm", declared: [1, 8], used: [8], statement: place(22, "rms_norm", "head"))
  ) { $0.redeclare("final_norm", [1, 8]) },
  BrokenGraph(
    "every expert fits",
    .parameterDimensions(
      "layers.1.mlp.experts.2.down", declared: [6, 8], used: [8, 6], statement: place(20, "mixture", "layers.1"))
  ) { $0.redeclare("layers.1.mlp.experts.2.down", [6, 8]) },
]

private let operations: [BrokenGraph] = [
  BrokenGraph(
    "embed reads ids",
    .operation(
      .operandType(operand: "operand", expected: "token ids", found: activation(8)),
      statement: place(2, "embed"))
  ) { $0.replace(2, with: Embed(ids: ValueID(1), table: "embedding", width: 8)) },
  BrokenGraph("embed has a width", attribute("width", "0", sizeRule, place(1, "embed", "embedding"))) {
    $0.replace(1, with: Embed(ids: ValueID(0), table: "embedding", width: 0))
  },
  BrokenGraph(
    "linear reads activations",
    .operation(
      .operandType(operand: "operand", expected: "activations", found: .ids(sequence: "n")),
      statement: place(13, "linear"))
  ) { $0.replace(13, with: Linear(input: ValueID(0), weight: "layers.0.mlp.gate", outputCount: 12)) },
  BrokenGraph("linear has outputs", attribute("outputs", "-1", sizeRule, place(13, "linear"))) {
    $0.replace(13, with: Linear(input: ValueID(12), weight: "layers.0.mlp.gate", outputCount: -1))
  },
  BrokenGraph("a span divides the row", attribute("span", "3", "must divide the row of 8", place(4, "rms_norm"))) {
    $0.replace(4, with: RMSNorm(input: ValueID(3), weight: "layers.0.attention.query_norm", span: 3, epsilon: 0))
  },
  BrokenGraph(
    "epsilon is a number", attribute("epsilon", "nan", "must be finite and not negative", place(4, "rms_norm"))
  ) {
    $0.replace(4, with: RMSNorm(input: ValueID(3), weight: "layers.0.attention.query_norm", span: 4, epsilon: .nan))
  },
  BrokenGraph("heads turn in pairs", attribute("head", "1", "must lie in 2…\(GraphLimits.dimension)", place(9, "rope")))
  {
    $0.replace(9, with: rope(1))
  },
  BrokenGraph("turned heads divide the row", attribute("head", "6", "must divide the row of 4", place(9, "rope"))) {
    $0.replace(9, with: rope(6))
  },
  BrokenGraph("a base is positive", attribute("base", "-1.0", "must be finite and positive", place(9, "rope"))) {
    $0.replace(9, with: rope(4, -1))
  },
  BrokenGraph("a factor is finite", attribute("factor", "inf", "must be finite and positive", place(9, "rope"))) {
    $0.replace(9, with: rope(4, 1, .linear(factor: .infinity)))
  },
  BrokenGraph("low lies below high", attribute("low", "4.0", "must be less than high=4.0", place(9, "rope"))) {
    $0.replace(
      9,
      with: rope(
        4, 1, .llama3(factor: 8, lowFrequencyFactor: 4, highFrequencyFactor: 4, originalContextLength: 32)))
  },
  BrokenGraph("grouped heads divide", attribute("kv_heads", "2", "must divide heads=3", place(10, "attention"))) {
    $0.replace(10, with: attention(3, 2))
  },
  BrokenGraph("there are heads", attribute("heads", "0", sizeRule, place(10, "attention"))) {
    $0.replace(10, with: attention(0, 0))
  },
  BrokenGraph("scale is finite", attribute("scale", "inf", "must be finite", place(10, "attention"))) {
    $0.replace(10, with: attention(2, 1, scale: .infinity))
  },
  BrokenGraph("windows have a width", attribute("width", "0", sizeRule, place(10, "attention"))) {
    $0.replace(10, with: attention(2, 1, mask: .window(width: 0)))
  },
  BrokenGraph(
    "keys fit their heads",
    .operation(
      .operandType(operand: "key", expected: "[n, 4]", found: activation(8)), statement: place(10, "attention"))
  ) { $0.replace(10, with: attention(2, 1, key: 8)) },
  BrokenGraph(
    "queries fit their heads",
    .operation(
      .operandType(operand: "query", expected: "[n, 4]", found: activation(8)), statement: place(10, "attention"))
  ) { $0.replace(10, with: attention(1, 1)) },
  BrokenGraph(
    "sequences are not mixed",
    .operation(
      .operandType(operand: "right operand", expected: "[n, 8]", found: activation(8, "m")),
      statement: place(4, "add", "embedding"))
  ) {
    $0.inputs.append(GraphInput(value: ValueID(1), sequence: "m"))
    $0.blocks[0].statements = [
      SampleGraph.statement(2, Embed(ids: ValueID(0), table: "embedding", width: 8)),
      SampleGraph.statement(3, Embed(ids: ValueID(1), table: "embedding", width: 8)),
      SampleGraph.statement(4, Add(left: ValueID(2), right: ValueID(3))),
    ]
  },
  BrokenGraph(
    "sums have one type",
    .operation(
      .operandType(operand: "right operand", expected: "[n, 8]", found: activation(4)), statement: place(12, "add"))
  ) { $0.replace(12, with: Add(left: ValueID(1), right: ValueID(7))) },
  BrokenGraph(
    "products have one type",
    .operation(
      .operandType(operand: "right operand", expected: "[n, 12]", found: activation(8)),
      statement: place(16, "multiply"))
  ) { $0.replace(16, with: Multiply(left: ValueID(15), right: ValueID(12))) },
  BrokenGraph(
    "functions apply to activations",
    .operation(
      .operandType(operand: "operand", expected: "activations", found: .ids(sequence: "n")),
      statement: place(15, "activation"))
  ) { $0.replace(15, with: Activation(input: ValueID(0), function: .silu)) },
  BrokenGraph("limits are positive", attribute("limit", "0.0", "must be finite and positive", place(7, "clamp"))) {
    $0.replace(7, with: Clamp(input: ValueID(6), limit: 0))
  },
  BrokenGraph(
    "experts are bounded", attribute("count", "65537", "must lie in 1…65536", place(20, "mixture", "layers.1"))
  ) { $0.replace(20, with: mixture(65_537, 2)) },
  BrokenGraph(
    "no more experts are active than there are",
    attribute("active", "4", "must lie in 1…3", place(20, "mixture", "layers.1"))
  ) { $0.replace(20, with: mixture(3, 4)) },
  BrokenGraph("experts have a width", attribute("width", "0", sizeRule, place(20, "mixture", "layers.1"))) {
    $0.replace(20, with: mixture(3, 2, width: 0))
  },
  BrokenGraph("heads have rows", attribute("vocabulary", "0", sizeRule, place(23, "head", "head"))) {
    $0.replace(23, with: Head(input: ValueID(22), weight: "head", vocabularyCount: 0))
  },
]

@Suite struct VerifierTests {
  @Test func sampleIsAccepted() throws {
    try SampleGraph.graph.verify()
  }

  @Test(arguments: structure + declarations + operations)
  func refuses(_ broken: BrokenGraph) {
    var graph = SampleGraph.graph
    broken.damage(&graph)
    #expect(throws: broken.expected) { try graph.verify() }
    #expect(broken.expected.diagnosis.status == .malformedInput)
    #expect(broken.expected.diagnosis.code.hasPrefix("graph."))
  }
}
