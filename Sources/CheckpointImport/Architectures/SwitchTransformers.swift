import ModelGraph

/// Switch Transformers (Fedus et al. 2022): T5 (Raffel et al. 2020) with one of many experts in some layers.
///
/// An encoder reads the source, a decoder continues the target. Attention has learned biases by distance, shared by all
/// layers of a side, and unscaled products; feed-forward layers have no gate.
enum SwitchTransformers: Architecture {
  static let modelType = "switch_transformers"
  static let className = "SwitchTransformersForConditionalGeneration"

  static func blueprint(_ config: ConfigReader) throws(ConfigError) -> Blueprint {
    var builder = SwitchBuilder(try SwitchConfig(config))
    return builder.blueprint(modelType)
  }
}

/// What `config.json` says of a Switch model.
struct SwitchConfig {
  let vocabularyCount: Int
  let contextLength: Int
  let width: Int
  let headCount: Int
  let headWidth: Int
  let feedForwardWidth: Int
  let expertCount: Int
  /// Which layers have experts.
  let encoderLayers: [Bool]
  let decoderLayers: [Bool]
  let bucketCount: Int
  let distanceLimit: Int
  let epsilon: Float
  let function: ActivationFunction
  let isTied: Bool

  init(_ config: ConfigReader) throws(ConfigError) {
    vocabularyCount = try config.integer("vocab_size", in: DecoderConfig.Limits.tokens)
    // Relative positions set no bound; these models were trained on 512 tokens.
    contextLength = try config.integer("n_positions", in: DecoderConfig.Limits.tokens, default: 512)
    width = try config.integer("d_model", in: DecoderConfig.Limits.width)
    headCount = try config.integer("num_heads", in: DecoderConfig.Limits.heads)
    headWidth = try config.integer("d_kv", in: DecoderConfig.Limits.headWidth)
    feedForwardWidth = try config.integer("d_ff", in: DecoderConfig.Limits.feedForwardWidth)
    expertCount = try config.integer("num_experts", in: 1...GraphLimits.expertCount)
    let encoderCount = try config.integer("num_layers", in: DecoderConfig.Limits.layers)
    let decoderCount = try config.integer("num_decoder_layers", in: DecoderConfig.Limits.layers, default: encoderCount)
    encoderLayers = try Self.sparseLayers("encoder", of: encoderCount, config)
    decoderLayers = try Self.sparseLayers("decoder", of: decoderCount, config)
    bucketCount = try config.integer("relative_attention_num_buckets", in: 4...1 << 16, default: 32)
    guard bucketCount % 4 == 0 else {
      throw config.badValue("relative_attention_num_buckets", "\(bucketCount)", "must be a multiple of 4")
    }
    distanceLimit = try config.integer(
      "relative_attention_max_distance", in: bucketCount / 2 + 1...RelativeBias.distanceBound, default: 128)
    epsilon = Float(try config.positive("layer_norm_epsilon", default: 1e-6))
    function = try ActivationFunction(config, key: "dense_act_fn", default: "relu")
    isTied = try config.boolean("tie_word_embeddings", default: true)
    for key in ["router_bias", "is_gated_act"] where try config.boolean(key, default: false) {
      throw config.unsupported(key, "true", supported: "false")
    }
    let sparseCount = (encoderLayers + decoderLayers).filter { $0 }.count
    guard sparseCount * expertCount * 2 <= GraphLimits.parameterCount else {
      throw .tooManyParameters(
        count: sparseCount * expertCount * 2, limit: GraphLimits.parameterCount, source: config.source)
    }
  }

  /// Every layer whose number leaves 1 when divided by the step, or all where the step is 1; none where it is 0.
  private static func sparseLayers(
    _ side: String, of count: Int, _ config: ConfigReader
  ) throws(ConfigError) -> [Bool] {
    let sparseCount = try config.integer("num_sparse_\(side)_layers", in: 0...count, default: min(3, count))
    let step = try config.integer(
      "\(side)_sparse_step", in: 0...DecoderConfig.Limits.layers.upperBound,
      default: sparseCount == 0 ? 0 : count / sparseCount)
    return (0..<count).map { step == 1 || step > 0 && $0 % step == 1 }
  }
}

/// Writes the program of a Switch model: encoder layers on the source, decoder layers on the target.
private struct SwitchBuilder {
  private let config: SwitchConfig
  private var program = ProgramWriter(sequences: ["source", "target"])
  private var hidden = ValueID(0)

  init(_ config: SwitchConfig) { self.config = config }

  mutating func blueprint(_ architecture: String) -> Blueprint {
    program.declare(
      "embedding", .embedding, [config.vocabularyCount, config.width],
      TensorSource("shared.weight", "encoder.embed_tokens.weight"))
    embed(ValueID(0), "encoder")
    for (layer, isSparse) in config.encoderLayers.enumerated() {
      addAttention("encoder", layer, mask: .bidirectional)
      addFeedForward("encoder", layer, isSparse, position: 1)
    }
    hidden = norm("encoder.final_norm", "encoder.final_layer_norm")
    program.endBlock("encoder.norm")
    let memory = hidden

    embed(ValueID(1), "decoder")
    for (layer, isSparse) in config.decoderLayers.enumerated() {
      addAttention("decoder", layer, mask: .causal)
      addCrossAttention(layer, to: memory)
      addFeedForward("decoder", layer, isSparse, position: 2)
    }
    addHead()
    return program.blueprint(
      architecture, vocabularyCount: config.vocabularyCount, contextLength: config.contextLength)
  }

  private mutating func embed(_ ids: ValueID, _ side: String) {
    hidden = program.append(Embed(ids: ids, table: "embedding", width: config.width))
    program.endBlock("\(side).embedding")
  }

  private mutating func addAttention(_ side: String, _ layer: Int, mask: AttentionMask) {
    let name = "\(side).layers.\(layer)", tensors = "\(side).block.\(layer).layer.0"
    let normed = norm("\(name).input_norm", "\(tensors).layer_norm")
    let projections = ["query", "key", "value"].map {
      project(normed, "\(name).attention.\($0)", "\(tensors).SelfAttention.\($0.prefix(1))")
    }
    let table = "\(side).relative_bias"
    if layer == 0 {
      program.declare(
        table, .other, [config.bucketCount, config.headCount],
        TensorSource("\(tensors).SelfAttention.relative_attention_bias.weight"))
    }
    attend(
      projections, mask,
      RelativeBias(table: table, bucketCount: config.bucketCount, distanceLimit: config.distanceLimit),
      "\(name).attention.output", "\(tensors).SelfAttention.o")
  }

  private mutating func addCrossAttention(_ layer: Int, to memory: ValueID) {
    let name = "decoder.layers.\(layer)", tensors = "decoder.block.\(layer).layer.1"
    let normed = norm("\(name).cross_norm", "\(tensors).layer_norm")
    let projections = [("query", normed), ("key", memory), ("value", memory)].map { part, input in
      project(input, "\(name).attention.cross_\(part)", "\(tensors).EncDecAttention.\(part.prefix(1))")
    }
    attend(projections, .cross, nil, "\(name).attention.cross_output", "\(tensors).EncDecAttention.o")
  }

  /// Adds to the hidden state what attention finds with query, key and value.
  private mutating func attend(
    _ projections: [ValueID], _ mask: AttentionMask, _ bias: RelativeBias?, _ name: String, _ tensor: String
  ) {
    let attended = program.append(
      Attention(
        query: projections[0], key: projections[1], value: projections[2], headCount: config.headCount,
        keyValueHeadCount: config.headCount, headWidth: config.headWidth, scale: 1, mask: mask, bias: bias))
    let output = program.linear(
      attended, name, .attention, config.width, config.headCount * config.headWidth, tensor)
    hidden = program.append(Add(left: hidden, right: output))
  }

  /// - Parameter position: of the feed-forward part among those of a layer.
  private mutating func addFeedForward(_ side: String, _ layer: Int, _ isSparse: Bool, position: Int) {
    let name = "\(side).layers.\(layer)", tensors = "\(side).block.\(layer).layer.\(position)"
    let normed = norm("\(name).post_norm", "\(tensors).layer_norm")
    let change =
      isSparse ? mixture(normed, "\(name).mlp", "\(tensors).mlp") : dense(normed, "\(name).mlp", "\(tensors).mlp")
    hidden = program.append(Add(left: hidden, right: change))
    program.endBlock(name)
  }

  private mutating func dense(_ input: ValueID, _ name: String, _ tensors: String) -> ValueID {
    let up = program.linear(
      input, "\(name).up", .mlp, config.feedForwardWidth, config.width, "\(tensors).wi")
    let activated = program.append(Activation(input: up, function: config.function))
    return program.linear(
      activated, "\(name).down", .mlp, config.width, config.feedForwardWidth, "\(tensors).wo")
  }

  private mutating func mixture(_ input: ValueID, _ name: String, _ tensors: String) -> ValueID {
    program.declare(
      "\(name).router", .router, [config.expertCount, config.width],
      TensorSource("\(tensors).router.classifier.weight"))
    for expert in 0..<config.expertCount {
      let name = "\(name).experts.\(expert)", tensors = "\(tensors).experts.expert_\(expert)"
      program.declare(
        "\(name).up", .expert, [config.feedForwardWidth, config.width], TensorSource("\(tensors).wi.weight"))
      program.declare(
        "\(name).down", .expert, [config.width, config.feedForwardWidth], TensorSource("\(tensors).wo.weight"))
    }
    return program.append(
      Mixture(
        input: input, router: "\(name).router", experts: "\(name).experts", expertCount: config.expertCount,
        activeCount: 1, expertWidth: config.feedForwardWidth, normalizesGates: false, function: config.function,
        isGated: false, shared: nil))
  }

  /// A tied head was trained on states divided by √width.
  private mutating func addHead() {
    hidden = norm("decoder.final_norm", "decoder.final_layer_norm")
    if config.isTied {
      hidden = program.append(Scale(input: hidden, factor: Float(1 / Double(config.width).squareRoot())))
    } else {
      program.declare("head", .head, [config.vocabularyCount, config.width], TensorSource("lm_head.weight"))
    }
    _ = program.append(
      Head(input: hidden, weight: config.isTied ? "embedding" : "head", vocabularyCount: config.vocabularyCount))
    program.endBlock("head")
  }

  private mutating func project(_ input: ValueID, _ name: String, _ tensor: String) -> ValueID {
    program.linear(input, name, .attention, config.headCount * config.headWidth, config.width, tensor)
  }

  private mutating func norm(_ name: String, _ tensor: String) -> ValueID {
    program.norm(hidden, name, "\(tensor).weight", span: config.width, epsilon: config.epsilon)
  }
}
