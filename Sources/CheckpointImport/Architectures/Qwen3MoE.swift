/// Qwen 3 with experts and without a shared one.
enum Qwen3MoE: Architecture {
  static let modelType = "qwen3_moe"
  static let className = "Qwen3MoeForCausalLM"

  static func blueprint(_ config: ConfigReader) throws(ConfigError) -> Blueprint {
    let decoder = try DecoderConfig(config)
    let mixture = try MixtureConfig(config, decoder)
    let sparse = FeedForwardForm.mixture(
      MixtureForm(
        expertCount: mixture.expertCount, activeCount: mixture.activeCount,
        expertWidth: try config.integer("moe_intermediate_size", in: DecoderConfig.Limits.feedForwardWidth),
        normalizesGates: try config.boolean("norm_topk_prob", default: false), sharedWidth: nil,
        names: ExpertTensorNames.projections))
    let dense = FeedForwardForm.dense(
      width: try config.integer("intermediate_size", in: DecoderConfig.Limits.feedForwardWidth))
    let hasBiases = try config.boolean("attention_bias", default: false)
    // Unlike its dense sibling it has one window for all layers.
    let isWindowed = try config.boolean("use_sliding_window", default: false)
    let attention = AttentionForm(
      mask: isWindowed ? try AttentionWindows.window(config) : .causal, hasInputBiases: hasBiases,
      hasOutputBias: hasBiases, norm: .perHead)
    var builder = DecoderBuilder(modelType, decoder)
    for isSparse in try MixtureConfig.sparseLayers(config, decoder) {
      builder.layer(attention, isSparse ? sparse : dense)
    }
    return builder.blueprint()
  }
}
