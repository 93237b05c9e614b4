/// Qwen 1.5 and 2 with experts, and one shared expert that every token visits.
enum Qwen2MoE: Architecture {
  static let modelType = "qwen2_moe"
  static let className = "Qwen2MoeForCausalLM"

  static func blueprint(_ config: ConfigReader) throws(ConfigError) -> Blueprint {
    let decoder = try DecoderConfig(config)
    let mixture = try MixtureConfig(config, decoder)
    let sparse = FeedForwardForm.mixture(
      MixtureForm(
        expertCount: mixture.expertCount, activeCount: mixture.activeCount,
        expertWidth: try config.integer("moe_intermediate_size", in: DecoderConfig.Limits.feedForwardWidth),
        normalizesGates: try config.boolean("norm_topk_prob", default: false),
        sharedWidth: try config.integer("shared_expert_intermediate_size", in: DecoderConfig.Limits.feedForwardWidth),
        names: ExpertTensorNames.projections))
    let dense = FeedForwardForm.dense(
      width: try config.integer("intermediate_size", in: DecoderConfig.Limits.feedForwardWidth))
    let hasBiases = try config.boolean("qkv_bias", default: true)
    // Releases of the reference implementation disagree about which layers have a window unless they are listed.
    let masks = try AttentionWindows.perLayer(config, decoder) { _ throws(ConfigError) in
      throw config.unsupported("use_sliding_window", "true without layer_types", supported: "a list in `layer_types`")
    }
    let sparseLayers = try MixtureConfig.sparseLayers(config, decoder)
    var builder = DecoderBuilder(modelType, decoder)
    for layer in 0..<decoder.layerCount {
      builder.layer(
        AttentionForm(mask: masks[layer], hasInputBiases: hasBiases), sparseLayers[layer] ? sparse : dense)
    }
    return builder.blueprint()
  }
}
