/// Qwen 3, dense: query and key normalised per head, heads as wide as they like.
enum Qwen3: Architecture {
  static let modelType = "qwen3"
  static let className = "Qwen3ForCausalLM"

  static func blueprint(_ config: ConfigReader) throws(ConfigError) -> Blueprint {
    let decoder = try DecoderConfig(config, headWidth: 128)
    let hasBiases = try config.boolean("attention_bias", default: false)
    let feedForward = FeedForwardForm.dense(
      width: try config.integer("intermediate_size", in: DecoderConfig.Limits.feedForwardWidth))
    let firstWindowed = try config.integer("max_window_layers", in: 0...Int(Int32.max), default: 28)
    let masks = try AttentionWindows.perLayer(config, decoder) { $0 >= firstWindowed }
    var builder = DecoderBuilder(modelType, decoder)
    for mask in masks {
      builder.layer(
        AttentionForm(mask: mask, hasInputBiases: hasBiases, hasOutputBias: hasBiases, norm: .perHead), feedForward)
    }
    return builder.blueprint()
  }
}
