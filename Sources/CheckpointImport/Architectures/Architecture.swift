import Diagnostics
import ModelGraph

/// A family of models: how a configuration becomes a graph, and what its tensors are called in a checkpoint.
protocol Architecture: SendableMetatype {
  /// `model_type` in the configuration, and the name of the graph.
  static var modelType: String { get }
  /// What `architectures` lists for the model that predicts the next token.
  static var className: String { get }

  static func blueprint(_ config: ConfigReader) throws(ConfigError) -> Blueprint
}

/// A graph, and where its parameters lie in a checkpoint.
struct Blueprint {
  let graph: ModelGraph
  /// A source for every parameter of the graph.
  let sources: [String: TensorSource]
}

/// Every supported architecture, in the order a reader should meet them.
enum ArchitectureCatalog {
  static let all: [any Architecture.Type] = [
    Llama.self, Mistral.self, Qwen2.self, Qwen3.self, Mixtral.self, Qwen2MoE.self, Qwen3MoE.self, OLMoE.self,
    SwitchTransformers.self,
  ]

  /// The graph and names of the model that `config` describes.
  static func blueprint(_ config: ConfigReader) throws(ConfigError) -> Blueprint {
    if let quantization = try config.nested("quantization_config") {
      let method = try quantization.string("quant_method")
      throw .quantized(method: method ?? "an unnamed method", source: config.source)
    }
    return try architecture(config).blueprint(config)
  }

  private static func architecture(_ config: ConfigReader) throws(ConfigError) -> any Architecture.Type {
    let className = try config.strings("architectures")?.first
    if let modelType = try config.string("model_type") {
      guard let architecture = all.first(where: { $0.modelType == modelType }) else {
        throw unknown(modelType, among: all.map { $0.modelType }, config)
      }
      if let className, className != architecture.className {
        throw .unsupportedTask(className: className, expected: architecture.className, source: config.source)
      }
      return architecture
    }
    guard let className else { throw .missingKey("model_type", source: config.source) }
    guard let architecture = all.first(where: { $0.className == className }) else {
      throw unknown(className, among: all.map { $0.className }, config)
    }
    return architecture
  }

  private static func unknown(_ name: String, among supported: [String], _ config: ConfigReader) -> ConfigError {
    let name = String(name.prefix(100))
    return .unknownArchitecture(
      name: name, nearest: Suggestion.nearest(to: name, in: supported), supported: supported, source: config.source)
  }
}
