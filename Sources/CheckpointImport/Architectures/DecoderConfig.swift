import ModelGraph

/// What every decoder architecture reads from its configuration.
struct DecoderConfig {
  /// Bounds far beyond any model; they keep every product of sizes within an `Int`.
  enum Limits {
    static let layers = 1...4096
    static let width = 1...(1 << 20)
    static let feedForwardWidth = 1...(1 << 24)
    static let heads = 1...(1 << 16)
    static let headWidth = 2...(1 << 16)
    static let tokens = 1...GraphLimits.dimension
  }

  let vocabularyCount: Int
  let contextLength: Int
  /// Elements of a token's hidden state.
  let width: Int
  let layerCount: Int
  let headCount: Int
  let keyValueHeadCount: Int
  let headWidth: Int
  let epsilon: Float
  let function: ActivationFunction
  let rope: RopeConfig
  /// Whether the head multiplies by the embedding table.
  let isTied: Bool

  /// - Parameter headWidth: used where the configuration gives none; nil stands for the hidden size over the heads.
  init(
    _ config: ConfigReader, epsilon: Double = 1e-6, ropeBase: Double = 10_000, headWidth fallbackHeadWidth: Int? = nil
  ) throws(ConfigError) {
    vocabularyCount = try config.integer("vocab_size", in: Limits.tokens)
    contextLength = try config.integer("max_position_embeddings", in: Limits.tokens)
    width = try config.integer("hidden_size", in: Limits.width)
    layerCount = try config.integer("num_hidden_layers", in: Limits.layers)
    headCount = try config.integer("num_attention_heads", in: Limits.heads)
    keyValueHeadCount = try config.integer("num_key_value_heads", in: Limits.heads, default: headCount)
    guard headCount % keyValueHeadCount == 0 else {
      throw config.badValue(
        "num_key_value_heads", "\(keyValueHeadCount)", "must divide num_attention_heads=\(headCount)")
    }
    if let stated = try config.optionalInteger("head_dim", in: Limits.headWidth) ?? fallbackHeadWidth {
      headWidth = stated
    } else {
      guard width % headCount == 0, width / headCount >= 2 else {
        throw config.badValue(
          "num_attention_heads", "\(headCount)", "must divide hidden_size=\(width), as there is no head_dim")
      }
      headWidth = width / headCount
    }
    guard headWidth % 2 == 0 else {
      throw config.badValue("head_dim", "\(headWidth)", "must be even: rotary embeddings turn elements in pairs")
    }
    self.epsilon = Float(try config.positive("rms_norm_eps", default: epsilon))
    function = try ActivationFunction(config)
    rope = try RopeConfig(config, base: ropeBase)
    isTied = try config.boolean("tie_word_embeddings", default: false)
  }
}

extension ActivationFunction {
  /// The function that `key` names.
  init(_ config: ConfigReader, key: String = "hidden_act", default fallback: String = "silu") throws(ConfigError) {
    switch try config.string(key) ?? fallback {
    case "silu", "swish": self = .silu
    case "gelu": self = .gelu
    case "gelu_new", "gelu_pytorch_tanh": self = .geluTanh
    case "relu": self = .relu
    case let other:
      throw config.unsupported(key, "\"\(other)\"", supported: "silu, gelu, gelu_new, gelu_pytorch_tanh, relu")
    }
  }
}

/// Rotary embedding as a configuration describes it, in the spelling of either generation.
struct RopeConfig {
  let base: Double
  let scaling: RopeScaling

  /// Newer files write `rope_parameters {rope_theta, rope_type, …}`, older ones `rope_theta` beside `rope_scaling`,
  /// whose kind the oldest call `type`.
  init(_ config: ConfigReader, base fallback: Double) throws(ConfigError) {
    if config.has("rope_parameters"), config.has("rope_scaling") {
      throw config.unsupported("rope_scaling", "given beside `rope_parameters`", supported: "one of the two")
    }
    let described = try config.nested(config.has("rope_parameters") ? "rope_parameters" : "rope_scaling")
    let outer = try config.optionalPositive("rope_theta")
    base = try described?.optionalPositive("rope_theta") ?? outer ?? fallback
    for reader in [config, described].compactMap({ $0 }) {
      let turned = try reader.optionalPositive("partial_rotary_factor") ?? 1
      guard turned == 1 else { throw reader.unsupported("partial_rotary_factor", "\(turned)", supported: "1") }
    }
    guard let described else {
      scaling = .none
      return
    }
    for type in ["full_attention", "sliding_attention"] where described.has(type) {
      throw described.unsupported(type, "an embedding of its own", supported: "one embedding for all layers")
    }
    let key = described.has("rope_type") ? "rope_type" : "type"
    switch try described.string(key) ?? "default" {
    case "default": scaling = .none
    case "linear": scaling = .linear(factor: try described.positive("factor"))
    case "llama3":
      let low = try described.positive("low_freq_factor")
      let high = try described.positive("high_freq_factor")
      guard low < high else {
        throw described.badValue("low_freq_factor", "\(low)", "must be less than high_freq_factor=\(high)")
      }
      scaling = .llama3(
        factor: try described.positive("factor"), lowFrequencyFactor: low, highFrequencyFactor: high,
        originalContextLength: try described.integer(
          "original_max_position_embeddings", in: DecoderConfig.Limits.tokens,
          default: config.optionalInteger("original_max_position_embeddings", in: DecoderConfig.Limits.tokens)))
    case let other: throw described.unsupported(key, "\"\(other)\"", supported: "default, linear, llama3")
    }
  }
}
