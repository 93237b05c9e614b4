/// Llama 1 to 3 (Touvron et al. 2023, Dubey et al. 2024), and the many models of its shape.
enum Llama: Architecture {
  static let modelType = "llama"
  static let className = "LlamaForCausalLM"

  static func blueprint(_ config: ConfigReader) throws(ConfigError) -> Blueprint {
    let decoder = try DecoderConfig(config)
    let hasBiases = try config.boolean("attention_bias", default: false)
    let attention = AttentionForm(hasInputBiases: hasBiases, hasOutputBias: hasBiases)
    let feedForward = FeedForwardForm.dense(
      width: try config.integer("intermediate_size", in: DecoderConfig.Limits.feedForwardWidth),
      hasBiases: try config.boolean("mlp_bias", default: false))
    var builder = DecoderBuilder(modelType, decoder)
    for _ in 0..<decoder.layerCount { builder.layer(attention, feedForward) }
    return builder.blueprint()
  }
}
