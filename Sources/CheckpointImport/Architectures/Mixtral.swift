/// Mixtral (Jiang et al. 2024): Mistral with experts, whose gates always sum to one.
enum Mixtral: Architecture {
  static let modelType = "mixtral"
  static let className = "MixtralForCausalLM"

  static func blueprint(_ config: ConfigReader) throws(ConfigError) -> Blueprint {
    let decoder = try DecoderConfig(config, epsilon: 1e-5, ropeBase: 1_000_000)
    let mixture = try MixtureConfig(config, decoder)
    let attention = AttentionForm(mask: try AttentionWindows.window(config, absent: nil))
    let feedForward = FeedForwardForm.mixture(
      MixtureForm(
        expertCount: mixture.expertCount, activeCount: mixture.activeCount,
        expertWidth: try config.integer("intermediate_size", in: DecoderConfig.Limits.feedForwardWidth),
        normalizesGates: true, sharedWidth: nil, names: ExpertTensorNames.numbered))
    var builder = DecoderBuilder(modelType, decoder)
    for _ in 0..<decoder.layerCount { builder.layer(attention, feedForward) }
    return builder.blueprint()
  }
}
