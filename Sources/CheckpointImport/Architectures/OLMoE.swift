/// OLMoE (Muennighoff et al. 2024): experts in every layer; query and key normalised over all heads together.
enum OLMoE: Architecture {
  static let modelType = "olmoe"
  static let className = "OlmoeForCausalLM"

  static func blueprint(_ config: ConfigReader) throws(ConfigError) -> Blueprint {
    let decoder = try DecoderConfig(config, epsilon: 1e-5)
    let mixture = try MixtureConfig(config, decoder)
    let hasBiases = try config.boolean("attention_bias", default: false)
    let attention = AttentionForm(
      hasInputBiases: hasBiases, hasOutputBias: hasBiases, norm: .wholeRow,
      clip: try config.optionalPositive("clip_qkv").map(Float.init))
    let feedForward = FeedForwardForm.mixture(
      MixtureForm(
        expertCount: mixture.expertCount, activeCount: mixture.activeCount,
        expertWidth: try config.integer("intermediate_size", in: DecoderConfig.Limits.feedForwardWidth),
        normalizesGates: try config.boolean("norm_topk_prob", default: false), sharedWidth: nil,
        names: ExpertTensorNames.projections))
    var builder = DecoderBuilder(modelType, decoder)
    for _ in 0..<decoder.layerCount { builder.layer(attention, feedForward) }
    return builder.blueprint()
  }
}
