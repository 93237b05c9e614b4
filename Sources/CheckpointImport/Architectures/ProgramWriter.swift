import ModelGraph

/// Puts a program together: declares its parameters in the order of use, and notes where each one's tensor lies.
struct ProgramWriter {
  private let inputs: [GraphInput]
  private var parameters: [ParameterDeclaration] = []
  private var sources: [String: TensorSource] = [:]
  private var blocks: [Block] = []
  private var statements: [Statement] = []
  private var next: Int

  /// - Parameter sequences: what the sequences of ids are called; their values come first.
  init(sequences: [String]) {
    inputs = sequences.enumerated().map { GraphInput(value: ValueID($0), sequence: $1) }
    next = sequences.count
  }

  /// Blocks that have ended.
  var blockCount: Int { blocks.count }

  mutating func declare(_ name: String, _ role: ParameterRole, _ dimensions: [Int], _ source: TensorSource) {
    parameters.append(ParameterDeclaration(name: name, role: role, dimensions: dimensions))
    sources[name] = source
  }

  mutating func append(_ operation: some GraphOperation) -> ValueID {
    let result = ValueID(next)
    next += 1
    statements.append(Statement(result: result, operation: operation))
    return result
  }

  /// A linear map whose weight is `tensor` with `.weight` behind it, and its bias likewise.
  mutating func linear(
    _ input: ValueID, _ name: String, _ role: ParameterRole, _ outputCount: Int, _ inputCount: Int, _ tensor: String,
    hasBias: Bool = false
  ) -> ValueID {
    declare(name, role, [outputCount, inputCount], TensorSource("\(tensor).weight"))
    if hasBias { declare("\(name)_bias", .other, [outputCount], TensorSource("\(tensor).bias")) }
    return append(Linear(input: input, weight: name, bias: hasBias ? "\(name)_bias" : nil, outputCount: outputCount))
  }

  mutating func norm(
    _ input: ValueID, _ name: String, _ tensor: String, span: Int, epsilon: Float
  ) -> ValueID {
    declare(name, .norm, [span], TensorSource(tensor))
    return append(RMSNorm(input: input, weight: name, span: span, epsilon: epsilon))
  }

  /// Makes a block of what was appended since the last one.
  mutating func endBlock(_ name: String) {
    blocks.append(Block(name: name, statements: statements))
    statements = []
  }

  func blueprint(_ architecture: String, vocabularyCount: Int, contextLength: Int) -> Blueprint {
    Blueprint(
      graph: ModelGraph(
        architecture: architecture, vocabularyCount: vocabularyCount, contextLength: contextLength, inputs: inputs,
        parameters: parameters, blocks: blocks),
      sources: sources)
  }
}
