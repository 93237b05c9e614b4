import ModelGraph

/// Which layers look at a limited number of positions.
enum AttentionWindows {
  /// The window that `sliding_window` gives; null and 0 mean none, and `absent` holds where the key is not there.
  static func window(_ config: ConfigReader, absent: Int? = 4096) throws(ConfigError) -> AttentionMask {
    let stated = try config.optionalInteger("sliding_window", in: 0...GraphLimits.dimension)
    guard let width = config.states("sliding_window") ? stated : absent, width > 0 else { return .causal }
    return .window(width: width)
  }

  /// Windows count only with `use_sliding_window`; then `layer_types` names the layers, or else `unnamed` decides.
  static func perLayer(
    _ config: ConfigReader, _ decoder: DecoderConfig, unnamed: (Int) throws(ConfigError) -> Bool
  ) throws(ConfigError) -> [AttentionMask] {
    let types = try layerTypes(config, decoder)
    var masks = [AttentionMask](repeating: .causal, count: decoder.layerCount)
    guard try config.boolean("use_sliding_window", default: false) else { return masks }
    let mask = try window(config)
    for layer in masks.indices {
      let isWindowed = if let types { types[layer] } else { try unnamed(layer) }
      if isWindowed { masks[layer] = mask }
    }
    return masks
  }

  /// Whether each layer is a windowed one, if `layer_types` is there.
  private static func layerTypes(_ config: ConfigReader, _ decoder: DecoderConfig) throws(ConfigError) -> [Bool]? {
    guard let types = try config.strings("layer_types") else { return nil }
    guard types.count == decoder.layerCount else {
      throw config.badValue(
        "layer_types", "a list of \(types.count)", "must have num_hidden_layers=\(decoder.layerCount) elements")
    }
    var result: [Bool] = []
    for type in types {
      switch type {
      case "full_attention": result.append(false)
      case "sliding_attention": result.append(true)
      default:
        throw config.unsupported("layer_types", "\"\(type)\"", supported: "full_attention, sliding_attention")
      }
    }
    return result
  }
}
