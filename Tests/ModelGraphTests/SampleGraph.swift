import ModelGraph

/// A program with every kind of operation, small enough to read.
enum SampleGraph {
  static let text = """
    graph sample vocabulary=32 context=64
    input %0 : ids[n]
    parameter @embedding embedding [32, 8]
    parameter @layers.0.input_norm norm [8]
    parameter @layers.0.attention.query attention [8, 8]
    parameter @layers.0.attention.query_bias other [8]
    parameter @layers.0.attention.query_norm norm [4]
    parameter @layers.0.attention.key attention [4, 8]
    parameter @layers.0.attention.value attention [4, 8]
    parameter @layers.0.attention.output attention [8, 8]
    parameter @layers.0.mlp.gate mlp [12, 8]
    parameter @layers.0.mlp.up mlp [12, 8]
    parameter @layers.0.mlp.down mlp [8, 12]
    parameter @layers.1.mlp.router router [3, 8]
    parameters @layers.1.mlp.experts.{0..2} expert gate [6, 8] up [6, 8] down [8, 6]
    parameter @layers.1.mlp.shared.gate shared_expert [5, 8]
    parameter @layers.1.mlp.shared.up shared_expert [5, 8]
    parameter @layers.1.mlp.shared.down shared_expert [8, 5]
    parameter @layers.1.mlp.shared_router router [1, 8]
    parameter @final_norm norm [8]
    parameter @head head [32, 8]
    block embedding
      %1 = embed %0 table=@embedding width=8 : [n, 8]
    block layers.0
      %2 = rms_norm %1 weight=@layers.0.input_norm span=8 epsilon=1e-05 : [n, 8]
      %3 = linear %2 weight=@layers.0.attention.query bias=@layers.0.attention.query_bias outputs=8 : [n, 8]
      %4 = rms_norm %3 weight=@layers.0.attention.query_norm span=4 epsilon=1e-05 : [n, 8]
      %5 = linear %2 weight=@layers.0.attention.key outputs=4 : [n, 4]
      %6 = linear %2 weight=@layers.0.attention.value outputs=4 : [n, 4]
      %7 = clamp %6 limit=8.0 : [n, 4]
      %8 = rope %4 head=4 base=10000.0 scaling=llama3 factor=8.0 low=1.0 high=4.0 original=32 : [n, 8]
      %9 = rope %5 head=4 base=10000.0 scaling=linear factor=2.5 : [n, 4]
      %10 = attention %8 %9 %7 heads=2 kv_heads=1 head=4 scale=0.5 mask=window width=16 : [n, 8]
      %11 = linear %10 weight=@layers.0.attention.output outputs=8 : [n, 8]
      %12 = add %1 %11 : [n, 8]
      %13 = linear %12 weight=@layers.0.mlp.gate outputs=12 : [n, 12]
      %14 = linear %12 weight=@layers.0.mlp.up outputs=12 : [n, 12]
      %15 = activation %13 function=gelu_tanh : [n, 12]
      %16 = multiply %15 %14 : [n, 12]
      %17 = linear %16 weight=@layers.0.mlp.down outputs=8 : [n, 8]
      %18 = add %12 %17 : [n, 8]
    block layers.1
      %20 = mixture %18 router=@layers.1.mlp.router experts=@layers.1.mlp.experts count=3 active=2 width=6 \
    normalizes=true function=silu shared=@layers.1.mlp.shared shared_width=5 shared_router=@layers.1.mlp.shared_router : [n, 8]
      %21 = add %18 %20 : [n, 8]
    block head
      %22 = rms_norm %21 weight=@final_norm span=8 epsilon=0.0 : [n, 8]
      %23 = head %22 weight=@head vocabulary=32 : [n, 32]

    """

  /// What `text` says, put together by hand.
  static var graph: ModelGraph {
    ModelGraph(
      architecture: "sample", vocabularyCount: 32, contextLength: 64,
      inputs: [GraphInput(value: ValueID(0), sequence: "n")], parameters: parameters,
      blocks: [
        Block(name: "embedding", statements: [statement(1, Embed(ids: ValueID(0), table: "embedding", width: 8))]),
        Block(name: "layers.0", statements: attention + feedForward),
        Block(name: "layers.1", statements: [statement(20, mixture), sum(21, 18, 20)]),
        Block(
          name: "head",
          statements: [
            statement(22, RMSNorm(input: ValueID(21), weight: "final_norm", span: 8, epsilon: 0)),
            statement(23, Head(input: ValueID(22), weight: "head", vocabularyCount: 32)),
          ]),
      ])
  }

  static let mixture = Mixture(
    input: ValueID(18), router: "layers.1.mlp.router", experts: "layers.1.mlp.experts", expertCount: 3, activeCount: 2,
    expertWidth: 6, normalizesGates: true, function: .silu,
    shared: SharedExpert(name: "layers.1.mlp.shared", width: 5, router: "layers.1.mlp.shared_router"))

  static func statement(_ result: Int, _ operation: any GraphOperation) -> Statement {
    Statement(result: ValueID(result), operation: operation)
  }

  private static func sum(_ result: Int, _ left: Int, _ right: Int) -> Statement {
    statement(result, Add(left: ValueID(left), right: ValueID(right)))
  }

  private static func linear(_ result: Int, _ input: Int, _ name: String, _ outputs: Int, bias: Bool = false)
    -> Statement
  {
    let name = "layers.0.\(name)"
    return statement(
      result, Linear(input: ValueID(input), weight: name, bias: bias ? name + "_bias" : nil, outputCount: outputs))
  }

  private static var attention: [Statement] {
    [
      statement(2, RMSNorm(input: ValueID(1), weight: "layers.0.input_norm", span: 8, epsilon: 1e-5)),
      linear(3, 2, "attention.query", 8, bias: true),
      statement(4, RMSNorm(input: ValueID(3), weight: "layers.0.attention.query_norm", span: 4, epsilon: 1e-5)),
      linear(5, 2, "attention.key", 4),
      linear(6, 2, "attention.value", 4),
      statement(7, Clamp(input: ValueID(6), limit: 8)),
      statement(
        8,
        Rope(
          input: ValueID(4), headWidth: 4, base: 10_000,
          scaling: .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 32))),
      statement(9, Rope(input: ValueID(5), headWidth: 4, base: 10_000, scaling: .linear(factor: 2.5))),
      statement(
        10,
        Attention(
          query: ValueID(8), key: ValueID(9), value: ValueID(7), headCount: 2, keyValueHeadCount: 1, headWidth: 4,
          scale: 0.5, mask: .window(width: 16))),
      linear(11, 10, "attention.output", 8),
      sum(12, 1, 11),
    ]
  }

  private static var feedForward: [Statement] {
    [
      linear(13, 12, "mlp.gate", 12),
      linear(14, 12, "mlp.up", 12),
      statement(15, Activation(input: ValueID(13), function: .geluTanh)),
      statement(16, Multiply(left: ValueID(15), right: ValueID(14))),
      linear(17, 16, "mlp.down", 8),
      sum(18, 12, 17),
    ]
  }

  private static var parameters: [ParameterDeclaration] {
    var parameters = [
      ParameterDeclaration(name: "embedding", role: .embedding, dimensions: [32, 8]),
      ParameterDeclaration(name: "layers.0.input_norm", role: .norm, dimensions: [8]),
      ParameterDeclaration(name: "layers.0.attention.query", role: .attention, dimensions: [8, 8]),
      ParameterDeclaration(name: "layers.0.attention.query_bias", role: .other, dimensions: [8]),
      ParameterDeclaration(name: "layers.0.attention.query_norm", role: .norm, dimensions: [4]),
      ParameterDeclaration(name: "layers.0.attention.key", role: .attention, dimensions: [4, 8]),
      ParameterDeclaration(name: "layers.0.attention.value", role: .attention, dimensions: [4, 8]),
      ParameterDeclaration(name: "layers.0.attention.output", role: .attention, dimensions: [8, 8]),
      ParameterDeclaration(name: "layers.0.mlp.gate", role: .mlp, dimensions: [12, 8]),
      ParameterDeclaration(name: "layers.0.mlp.up", role: .mlp, dimensions: [12, 8]),
      ParameterDeclaration(name: "layers.0.mlp.down", role: .mlp, dimensions: [8, 12]),
      ParameterDeclaration(name: "layers.1.mlp.router", role: .router, dimensions: [3, 8]),
    ]
    for expert in 0..<3 {
      for (part, dimensions) in [("gate", [6, 8]), ("up", [6, 8]), ("down", [8, 6])] {
        parameters.append(
          ParameterDeclaration(
            name: "layers.1.mlp.experts.\(expert).\(part)", role: .expert, dimensions: dimensions))
      }
    }
    return parameters + [
      ParameterDeclaration(name: "layers.1.mlp.shared.gate", role: .sharedExpert, dimensions: [5, 8]),
      ParameterDeclaration(name: "layers.1.mlp.shared.up", role: .sharedExpert, dimensions: [5, 8]),
      ParameterDeclaration(name: "layers.1.mlp.shared.down", role: .sharedExpert, dimensions: [8, 5]),
      ParameterDeclaration(name: "layers.1.mlp.shared_router", role: .router, dimensions: [1, 8]),
      ParameterDeclaration(name: "final_norm", role: .norm, dimensions: [8]),
      ParameterDeclaration(name: "head", role: .head, dimensions: [32, 8]),
    ]
  }
}

extension ModelGraph {
  /// Replaces the operation that computes `result`.
  mutating func replace(_ result: Int, with operation: any GraphOperation) {
    for block in blocks.indices {
      for index in blocks[block].statements.indices where blocks[block].statements[index].result.index == result {
        blocks[block].statements[index] = Statement(result: ValueID(result), operation: operation)
      }
    }
  }

  mutating func redeclare(_ name: String, _ dimensions: [Int]) {
    for index in parameters.indices where parameters[index].name == name {
      parameters[index] = ParameterDeclaration(name: name, role: parameters[index].role, dimensions: dimensions)
    }
  }
}
