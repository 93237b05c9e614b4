/// Qwen 1.5 to 2.5: Llama with biases on query, key and value, and windows in some layers.
enum Qwen2: Architecture {
  static let modelType = "qwen2"
  static let className = "Qwen2ForCausalLM"

  static func blueprint(_ config: ConfigReader) throws(ConfigError) -> Blueprint {
    let decoder = try DecoderConfig(config)
    let feedForward = FeedForwardForm.dense(
      width: try config.integer("intermediate_size", in: DecoderConfig.Limits.feedForwardWidth))
    let firstWindowed = try config.integer("max_window_layers", in: 0...Int(Int32.max), default: 28)
    let masks = try AttentionWindows.perLayer(config, decoder) { $0 >= firstWindowed }
    var builder = DecoderBuilder(modelType, decoder)
    for mask in masks { builder.layer(AttentionForm(mask: mask, hasInputBiases: true), feedForward) }
    return builder.blueprint()
  }
}
