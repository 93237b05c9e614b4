import ModelGraph

/// What architectures with experts read from their configuration.
struct MixtureConfig {
  let expertCount: Int
  let activeCount: Int

  /// Generations of files disagree about the name of the expert count.
  init(_ config: ConfigReader, _ decoder: DecoderConfig) throws(ConfigError) {
    expertCount = try config.integer(
      "num_experts", "num_local_experts", "n_routed_experts", in: 1...GraphLimits.expertCount)
    activeCount = try config.integer("num_experts_per_tok", in: 1...GraphLimits.expertCount)
    guard activeCount <= expertCount else {
      throw config.badValue("num_experts_per_tok", "\(activeCount)", "cannot exceed the \(expertCount) experts")
    }
    let count = decoder.layerCount * expertCount * 3
    guard count <= GraphLimits.parameterCount else {
      throw .tooManyParameters(count: count, limit: GraphLimits.parameterCount, source: config.source)
    }
  }

  /// Which layers have experts: those not in `mlp_only_layers` whose number, from 1, `decoder_sparse_step` divides.
  static func sparseLayers(_ config: ConfigReader, _ decoder: DecoderConfig) throws(ConfigError) -> [Bool] {
    let step = try config.integer("decoder_sparse_step", in: 1...Int(Int32.max), default: 1)
    let dense = Set(try config.integers("mlp_only_layers") ?? [])
    return (0..<decoder.layerCount).map { !dense.contains($0) && ($0 + 1) % step == 0 }
  }
}
