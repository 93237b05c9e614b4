import ForeignFormats
import Foundation
import ModelGraph
import TestSupport
import Testing

@testable import CheckpointImport

/// The configuration of a sample with some keys changed, and the graph it gives.
private func graph(_ sample: SampleCheckpoint, _ changes: [String: Any?]) throws -> ModelGraph {
  var files = try CheckpointFiles(sample)
  try files.set(changes)
  let bytes = Array(try #require(files.files["config.json"]))
  let config = try ConfigReader(JSONValue.parse(bytes.span, source: "config.json"), source: "config.json")
  let blueprint = try ArchitectureCatalog.blueprint(config)
  try blueprint.graph.verify()
  #expect(Set(blueprint.sources.keys) == Set(blueprint.graph.parameters.map(\.name)))
  return blueprint.graph
}

/// The members of a JSON object.
private func parsed(_ json: String) throws -> [String: Any?] {
  try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any] ?? [:]
}

extension ModelGraph {
  fileprivate func all<Operation: GraphOperation>(_ kind: Operation.Type) -> [Operation] {
    blocks.flatMap(\.statements).compactMap { $0.operation as? Operation }
  }

  fileprivate var masks: [AttentionMask] { all(Attention.self).map(\.mask) }
}

@Suite struct ArchitectureConfigTests {
  @Test func ropeInEverySpelling() throws {
    let old = try graph(.llama, ["rope_parameters": nil, "rope_theta": 5000, "rope_scaling": NSNull()])
    #expect(old.all(Rope.self).allSatisfy { $0.base == 5000 && $0.scaling == .none })
    let oldest = try graph(
      .llama, ["rope_parameters": nil, "rope_theta": 5000.5, "rope_scaling": ["type": "linear", "factor": 4]])
    #expect(oldest.all(Rope.self).allSatisfy { $0.base == 5000.5 && $0.scaling == .linear(factor: 4) })
    let both = try graph(.llama, ["rope_theta": 7.0, "rope_parameters": ["rope_type": "default"]])
    #expect(both.all(Rope.self).allSatisfy { $0.base == 7 })
    let inner = try graph(.llama, ["rope_theta": 7.0, "rope_parameters": ["rope_type": "default", "rope_theta": 8.0]])
    #expect(inner.all(Rope.self).allSatisfy { $0.base == 8 })
    let none = try graph(.llama, ["rope_parameters": nil])
    #expect(none.all(Rope.self).allSatisfy { $0.base == 10_000 })
    #expect(try graph(.mixtral, ["rope_parameters": nil]).all(Rope.self).allSatisfy { $0.base == 1_000_000 })
    let llama3 = RopeScaling.llama3(
      factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 128)
    #expect(try graph(.llama3Rope, [:]).all(Rope.self).allSatisfy { $0.scaling == llama3 && $0.base == 500_000 })
  }

  @Test func headWidth() throws {
    #expect(try graph(.mixtral, ["head_dim": NSNull()]).all(Attention.self).allSatisfy { $0.headWidth == 16 })
    #expect(try graph(.mixtral, ["head_dim": nil]).all(Attention.self).allSatisfy { $0.headWidth == 16 })
    #expect(try graph(.qwen3, ["head_dim": nil]).all(Attention.self).allSatisfy { $0.headWidth == 128 })
    #expect(try graph(.qwen3, ["head_dim": 8]).parameter(named: "layers.0.attention.query_norm")?.dimensions == [8])
    #expect(try graph(.olmoe, [:]).parameter(named: "layers.0.attention.query_norm")?.dimensions == [64])
  }

  @Test func keyValueHeadsDefaultToHeads() throws {
    #expect(
      try graph(.llama, ["num_key_value_heads": nil]).all(Attention.self).allSatisfy { $0.keyValueHeadCount == 4 })
  }

  @Test func windows() throws {
    let wide = AttentionMask.window(width: 4096), narrow = AttentionMask.window(width: 16)
    #expect(try graph(.mistralWindow, [:]).masks == [narrow, narrow])
    #expect(try graph(.mistralWindow, ["sliding_window": NSNull()]).masks == [.causal, .causal])
    #expect(try graph(.mistralWindow, ["sliding_window": 0]).masks == [.causal, .causal])
    #expect(try graph(.mistralWindow, ["sliding_window": nil]).masks == [wide, wide])
    #expect(try graph(.mixtral, ["sliding_window": nil]).masks == [.causal, .causal])
    #expect(try graph(.mixtral, ["sliding_window": 16]).masks == [narrow, narrow])

    let windowed: [String: Any?] = ["use_sliding_window": true, "sliding_window": 16]
    #expect(try graph(.qwen2, ["sliding_window": 16]).masks == [.causal, .causal])
    #expect(try graph(.qwen2, windowed).masks == [.causal, .causal])
    let listed: [String: Any?] = ["layer_types": ["sliding_attention", "full_attention"], "max_window_layers": 0]
    #expect(try graph(.qwen2, windowed.merging(listed) { $1 }).masks == [narrow, .causal])
    #expect(try graph(.qwen2, listed).masks == [.causal, .causal])
    let counted: [String: Any?] = ["layer_types": nil, "max_window_layers": 1]
    #expect(try graph(.qwen2, windowed.merging(counted) { $1 }).masks == [.causal, narrow])
    #expect(try graph(.qwen3, windowed.merging(counted) { $1 }).masks == [.causal, narrow])
    #expect(try graph(.qwen2MoE, windowed.merging(listed) { $1 }).masks == [narrow, .causal])
    #expect(try graph(.qwen3MoE, windowed).masks == [narrow, narrow])
    #expect(try graph(.qwen3MoE, ["sliding_window": 16]).masks == [.causal, .causal])
  }

  @Test func expertsInEverySpelling() throws {
    let stated = try graph(.qwen3MoE, [:])
    #expect(try graph(.qwen3MoE, ["num_local_experts": nil, "num_experts": 8]) == stated)
    #expect(stated.all(Mixture.self).allSatisfy { $0.expertCount == 8 && $0.activeCount == 2 && $0.normalizesGates })
    #expect(try graph(.qwen2MoE, [:]).all(Mixture.self).allSatisfy { !$0.normalizesGates && $0.shared?.width == 64 })
    #expect(try graph(.qwen2MoE, ["norm_topk_prob": true]).all(Mixture.self).allSatisfy(\.normalizesGates))
    #expect(try graph(.mixtral, ["norm_topk_prob": false]).all(Mixture.self).allSatisfy(\.normalizesGates))
    #expect(try graph(.olmoe, [:]).all(Mixture.self).allSatisfy { !$0.normalizesGates && $0.expertWidth == 128 })
  }

  @Test func someLayersAreDense() throws {
    for sample in [SampleCheckpoint.qwen2MoE, .qwen3MoE] {
      let listed = try graph(sample, ["mlp_only_layers": [0]])
      #expect(listed.parameter(named: "layers.0.mlp.gate")?.dimensions == [128, 64])
      #expect(listed.parameter(named: "layers.1.mlp.router") != nil)
      let stepped = try graph(sample, ["decoder_sparse_step": 2, "mlp_only_layers": NSNull()])
      #expect(stepped == listed)
    }
  }

  @Test func biases() throws {
    func biases(_ sample: SampleCheckpoint, _ changes: [String: Any?]) throws -> [String] {
      try graph(sample, changes).parameters(ofBlock: "layers.0").map(\.name).filter { $0.hasSuffix("_bias") }
        .map { String($0.dropFirst("layers.0.".count)) }
    }
    let inputs = ["attention.query_bias", "attention.key_bias", "attention.value_bias"]
    #expect(try biases(.llama, [:]) == [])
    #expect(try biases(.llama, ["attention_bias": true]) == inputs + ["attention.output_bias"])
    #expect(try biases(.llama, ["mlp_bias": true]) == ["mlp.gate_bias", "mlp.up_bias", "mlp.down_bias"])
    #expect(try biases(.qwen2, [:]) == inputs)
    #expect(try biases(.qwen2MoE, [:]) == inputs)
    #expect(try biases(.qwen2MoE, ["qkv_bias": false]) == [])
    #expect(try biases(.qwen3MoE, ["attention_bias": true]) == inputs + ["attention.output_bias"])
  }

  @Test func clipComesBeforeTurning() throws {
    let clipped = try graph(.olmoe, ["clip_qkv": 8])
    #expect(clipped.all(Clamp.self).map(\.limit) == Array(repeating: 8, count: 6))
    let producers = Dictionary(
      uniqueKeysWithValues: clipped.blocks.flatMap(\.statements).map { ($0.result, $0.operation) })
    #expect(clipped.all(Rope.self).allSatisfy { producers[$0.input] is Clamp })
    #expect(clipped.all(Attention.self).allSatisfy { producers[$0.value] is Clamp })
    #expect(try graph(.olmoe, [:]).all(Clamp.self) == [])
  }

  @Test func functionsAndTies() throws {
    for (name, function) in [("gelu", ActivationFunction.gelu), ("gelu_pytorch_tanh", .geluTanh), ("relu", .relu)] {
      #expect(try graph(.llama, ["hidden_act": name]).all(Activation.self).allSatisfy { $0.function == function })
      #expect(try graph(.mixtral, ["hidden_act": name]).all(Mixture.self).allSatisfy { $0.function == function })
    }
    #expect(try graph(.llama, ["tie_word_embeddings": true]).isTied)
    #expect(try !graph(.llama, ["tie_word_embeddings": nil]).isTied)
    #expect(try graph(.llama, ["rms_norm_eps": nil]).all(RMSNorm.self).allSatisfy { $0.epsilon == 1e-6 })
    #expect(try graph(.mixtral, ["rms_norm_eps": nil]).all(RMSNorm.self).allSatisfy { $0.epsilon == 1e-5 })
  }

  @Test func architectureIsFoundByClassToo() throws {
    #expect(try graph(.llama, ["model_type": nil]).architecture == "llama")
    #expect(try graph(.llama, ["architectures": nil]).architecture == "llama")
  }

  /// A change, the code of the refusal, and the key or word it must name.
  @Test(arguments: [
    (#"{"model_type": "lama"}"#, "config.unknown-architecture", "`llama`"),
    (#"{"model_type": "gpt2"}"#, "config.unknown-architecture", "qwen3_moe"),
    (#"{"model_type": 3}"#, "config.wrong-type", "model_type"),
    (#"{"architectures": ["LlamaForSequenceClassification"]}"#, "config.unsupported-task", "LlamaForCausalLM"),
    (#"{"hidden_act": "tanhshrink"}"#, "config.unsupported-value", "tanhshrink"),
    (#"{"rope_parameters": {"rope_type": "yarn", "factor": 4}}"#, "config.unsupported-value", "yarn"),
    (#"{"rope_parameters": {"rope_type": "linear"}}"#, "config.missing-key", "rope_parameters.factor"),
    (#"{"rope_parameters": {"rope_type": "linear", "factor": 0}}"#, "config.bad-value", "rope_parameters.factor"),
    (
      #"{"rope_parameters": {"full_attention": {"rope_type": "default"}}}"#, "config.unsupported-value",
      "full_attention"
    ),
    (#"{"rope_scaling": {"type": "yarn", "factor": 4}}"#, "config.unsupported-value", "rope_scaling"),
    (#"{"partial_rotary_factor": 0.5}"#, "config.unsupported-value", "partial_rotary_factor"),
    (#"{"rope_parameters": "default"}"#, "config.wrong-type", "rope_parameters"),
    (#"{"hidden_size": null}"#, "config.missing-key", "hidden_size"),
    (#"{"hidden_size": "64"}"#, "config.wrong-type", "hidden_size"),
    (#"{"hidden_size": 64.5}"#, "config.wrong-type", "hidden_size"),
    (#"{"hidden_size": -64}"#, "config.bad-value", "hidden_size"),
    (#"{"hidden_size": 1099511627776}"#, "config.bad-value", "hidden_size"),
    (#"{"hidden_size": 66, "head_dim": null}"#, "config.bad-value", "hidden_size"),
    (#"{"num_attention_heads": 0}"#, "config.bad-value", "num_attention_heads"),
    (#"{"num_key_value_heads": 3}"#, "config.bad-value", "num_key_value_heads"),
    (#"{"num_hidden_layers": 1000000}"#, "config.bad-value", "num_hidden_layers"),
    (#"{"vocab_size": 0}"#, "config.bad-value", "vocab_size"),
    (#"{"head_dim": 15}"#, "config.bad-value", "head_dim"),
    (#"{"rms_norm_eps": "small"}"#, "config.wrong-type", "rms_norm_eps"),
    (#"{"tie_word_embeddings": 1}"#, "config.wrong-type", "tie_word_embeddings"),
    (#"{"quantization_config": {"quant_method": "awq"}}"#, "config.quantized", "awq"),
  ])
  func refusesByName(changes: String, code: String, word: String) throws {
    let error = #expect(throws: ConfigError.self) { try graph(.llama, parsed(changes)) }
    let diagnosis = try #require(error?.diagnosis)
    #expect(diagnosis.code == code)
    #expect([diagnosis.what, diagnosis.why, diagnosis.fix].contains { $0.contains(word) }, "\(diagnosis)")
    let isUnsupported = code.contains("unsupported") || code.contains("unknown") || code.contains("quantized")
    #expect(diagnosis.status == (isUnsupported ? .unsupported : .malformedInput))
  }

  @Test(arguments: [
    (SampleCheckpoint.qwen3MoE, #"{"num_experts_per_tok": 9}"#, "config.bad-value"),
    (.qwen3MoE, #"{"num_local_experts": 65537}"#, "config.bad-value"),
    (.qwen3MoE, #"{"num_local_experts": 65536, "num_hidden_layers": 4096}"#, "config.too-many-parameters"),
    (.qwen3MoE, #"{"num_local_experts": null}"#, "config.missing-key"),
    (.qwen2MoE, #"{"mlp_only_layers": ["0"]}"#, "config.wrong-type"),
    (.qwen2MoE, #"{"decoder_sparse_step": 0}"#, "config.bad-value"),
    (.qwen2MoE, #"{"use_sliding_window": true, "layer_types": null}"#, "config.unsupported-value"),
    (.qwen2, #"{"layer_types": ["full_attention"]}"#, "config.bad-value"),
    (.qwen2, #"{"layer_types": ["full_attention", "linear_attention"]}"#, "config.unsupported-value"),
    (.olmoe, #"{"clip_qkv": -1}"#, "config.bad-value"),
  ])
  func refusesWhatFamiliesForbid(sample: SampleCheckpoint, changes: String, code: String) {
    let error = #expect(throws: ConfigError.self) { try graph(sample, parsed(changes)) }
    #expect(error?.diagnosis.code == code)
  }
}
