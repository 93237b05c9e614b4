/// Mistral (Jiang et al. 2023): Llama with one attention window for every layer.
enum Mistral: Architecture {
  static let modelType = "mistral"
  static let className = "MistralForCausalLM"

  static func blueprint(_ config: ConfigReader) throws(ConfigError) -> Blueprint {
    let decoder = try DecoderConfig(config)
    let attention = AttentionForm(mask: try AttentionWindows.window(config))
    let feedForward = FeedForwardForm.dense(
      width: try config.integer("intermediate_size", in: DecoderConfig.Limits.feedForwardWidth))
    var builder = DecoderBuilder(modelType, decoder)
    for _ in 0..<decoder.layerCount { builder.layer(attention, feedForward) }
    return builder.blueprint()
  }
}
