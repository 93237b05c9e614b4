import ModelGraph

/// The graph of a decoder from its config.json, for the architectures of the fixtures.
struct TinyGraph {
  private let config: [String: Any]
  private let model: String

  init(_ config: [String: Any]) {
    self.config = config
    model = config["model_type"] as? String ?? ""
  }

  private func given(_ key: String) -> Int? { config[key] as? Int }
  /// 0, which no graph accepts, where it is missing.
  private func integer(_ key: String) -> Int { given(key) ?? 0 }
  private var width: Int { integer("hidden_size") }
  private var headCount: Int { integer("num_attention_heads") }
  private var headWidth: Int { given("head_dim") ?? width / headCount }
  private var epsilon: Float { Float(config["rms_norm_eps"] as? Double ?? .nan) }

  func graph() throws -> ModelGraph {
    let vocabularyCount = integer("vocab_size")
    var writer = Writer()
    writer.block("embedding")
    var hidden = writer.add(Embed(ids: ValueID(0), table: "model.embed_tokens.weight", width: width))
    for layer in 0..<integer("num_hidden_layers") {
      writer.block("layers.\(layer)")
      hidden = self.layer("model.layers.\(layer).", hidden, &writer)
    }
    writer.block("head")
    let norm = writer.add(RMSNorm(input: hidden, weight: "model.norm.weight", span: width, epsilon: epsilon))
    let isTied = config["tie_word_embeddings"] as? Bool ?? false
    _ = writer.add(
      Head(
        input: norm, weight: isTied ? "model.embed_tokens.weight" : "lm_head.weight", vocabularyCount: vocabularyCount))
    return try writer.graph(
      architecture: model, vocabularyCount: vocabularyCount, contextLength: integer("max_position_embeddings"))
  }

  private func layer(_ prefix: String, _ hidden: ValueID, _ writer: inout Writer) -> ValueID {
    let input = writer.add(
      RMSNorm(input: hidden, weight: prefix + "input_layernorm.weight", span: width, epsilon: epsilon))
    let attended = attention(prefix + "self_attn.", input, &writer)
    let middle = writer.add(Add(left: hidden, right: attended))
    let norm = writer.add(
      RMSNorm(input: middle, weight: prefix + "post_attention_layernorm.weight", span: width, epsilon: epsilon))
    let output = config["num_experts_per_tok"] == nil ? dense(prefix, norm, &writer) : mixture(prefix, norm, &writer)
    return writer.add(Add(left: middle, right: output))
  }

  private func attention(_ prefix: String, _ input: ValueID, _ writer: inout Writer) -> ValueID {
    let keyValueHeadCount = integer("num_key_value_heads")
    let hasBias = model == "qwen2" || model == "qwen2_moe"
    func project(_ name: String, heads: Int) -> ValueID {
      let bias = hasBias ? prefix + name + "_proj.bias" : nil
      var value = writer.add(
        Linear(input: input, weight: prefix + name + "_proj.weight", bias: bias, outputCount: heads * headWidth))
      guard name != "v" else { return value }
      if ["qwen3", "qwen3_moe", "olmoe"].contains(model) {
        let span = model == "olmoe" ? heads * headWidth : headWidth
        value = writer.add(RMSNorm(input: value, weight: prefix + name + "_norm.weight", span: span, epsilon: epsilon))
      }
      return writer.add(Rope(input: value, headWidth: headWidth, base: ropeBase, scaling: ropeScaling))
    }
    let query = project("q", heads: headCount)
    let key = project("k", heads: keyValueHeadCount)
    let value = project("v", heads: keyValueHeadCount)
    let mask = model == "mistral" ? given("sliding_window").map { AttentionMask.window(width: $0) } : nil
    let attended = writer.add(
      Attention(
        query: query, key: key, value: value, headCount: headCount, keyValueHeadCount: keyValueHeadCount,
        headWidth: headWidth, scale: 1 / Float(headWidth).squareRoot(), mask: mask ?? .causal))
    return writer.add(Linear(input: attended, weight: prefix + "o_proj.weight", outputCount: width))
  }

  private func dense(_ prefix: String, _ input: ValueID, _ writer: inout Writer) -> ValueID {
    let innerWidth = integer("intermediate_size")
    let gate = writer.add(Linear(input: input, weight: prefix + "mlp.gate_proj.weight", outputCount: innerWidth))
    let up = writer.add(Linear(input: input, weight: prefix + "mlp.up_proj.weight", outputCount: innerWidth))
    let active = writer.add(Activation(input: gate, function: .silu))
    let product = writer.add(Multiply(left: active, right: up))
    return writer.add(Linear(input: product, weight: prefix + "mlp.down_proj.weight", outputCount: width))
  }

  private func mixture(_ prefix: String, _ input: ValueID, _ writer: inout Writer) -> ValueID {
    let part = prefix + (model == "mixtral" ? "block_sparse_moe." : "mlp.")
    let shared = given("shared_expert_intermediate_size").map {
      SharedExpert(name: part + "shared_expert", width: $0, router: part + "shared_expert_gate.weight")
    }
    return writer.add(
      Mixture(
        input: input, router: part + "gate.weight", experts: part + "experts",
        expertCount: given("num_local_experts") ?? integer("num_experts"),
        activeCount: integer("num_experts_per_tok"),
        expertWidth: given("moe_intermediate_size") ?? integer("intermediate_size"),
        normalizesGates: config["norm_topk_prob"] as? Bool ?? true, function: .silu, shared: shared))
  }

  private var rope: [String: Any] { config["rope_parameters"] as? [String: Any] ?? config }
  private func ropeNumber(_ key: String) -> Double { rope[key] as? Double ?? 0 }
  private var ropeBase: Double { ropeNumber("rope_theta") }
  private var ropeScaling: RopeScaling {
    guard rope["rope_type"] as? String == "llama3" else { return .none }
    return .llama3(
      factor: ropeNumber("factor"), lowFrequencyFactor: ropeNumber("low_freq_factor"),
      highFrequencyFactor: ropeNumber("high_freq_factor"),
      originalContextLength: rope["original_max_position_embeddings"] as? Int ?? 0)
  }
}

/// Writes statements one after another, and declares the parameters they use.
struct Writer {
  private var blocks: [Block] = []
  private var next = 1

  mutating func block(_ name: String) { blocks.append(Block(name: name, statements: [])) }

  mutating func add(_ operation: any GraphOperation) -> ValueID {
    let result = ValueID(next)
    next += 1
    blocks[blocks.count - 1].statements.append(Statement(result: result, operation: operation))
    return result
  }

  func graph(architecture: String = "test", vocabularyCount: Int, contextLength: Int) throws -> ModelGraph {
    var graph = ModelGraph(
      architecture: architecture, vocabularyCount: vocabularyCount, contextLength: contextLength,
      inputs: [GraphInput(value: ValueID(0), sequence: "n")], parameters: [], blocks: blocks)
    let types = try graph.types()
    for statement in blocks.flatMap(\.statements) {
      let operandTypes = statement.operation.operands.compactMap { types[$0] }
      for use in try statement.operation.parameterUses(operandTypes: operandTypes, vocabularyCount: vocabularyCount)
      where graph.parameter(named: use.name) == nil {
        graph.parameters.append(ParameterDeclaration(name: use.name, role: .other, dimensions: use.dimensions))
      }
    }
    return graph
  }
}
