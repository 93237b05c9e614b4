import Diagnostics
import ForeignFormats
import Foundation
import ModelGraph
import Testing

@testable import CheckpointImport

@Suite struct SwitchImportTests {
  private func open(_ changes: [String: Any?] = [:]) throws -> Checkpoint {
    var files = try CheckpointFiles(.switchTransformers)
    try files.set(changes)
    return try files.open()
  }

  /// The graph alone, for configurations that the weights do not follow.
  private func graph(_ changes: [String: Any?]) throws -> ModelGraph {
    var files = try CheckpointFiles(.switchTransformers)
    try files.set(changes)
    let config = try ConfigReader(parsing: Array(try #require(files.files["config.json"])))
    let graph = try ArchitectureCatalog.blueprint(config).graph
    try graph.verify()
    return graph
  }

  private func sparse(_ graph: ModelGraph) -> [String] {
    graph.blocks.filter { $0.statements.contains { $0.operation is Mixture } }.map(\.name)
  }

  @Test func parametersLieWhereTheirNamesSay() throws {
    let checkpoint = try open()
    let stored = try EditableTensors(
      Data(contentsOf: URL(fileURLWithPath: SampleCheckpoint.switchTransformers.path + "/model.safetensors"))).tensors
    for (parameter, tensor) in [
      ("embedding", "shared.weight"), ("encoder.final_norm", "encoder.final_layer_norm.weight"),
      ("encoder.relative_bias", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"),
      ("decoder.relative_bias", "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"),
      ("encoder.layers.1.attention.key", "encoder.block.1.layer.0.SelfAttention.k.weight"),
      ("decoder.layers.1.attention.output", "decoder.block.1.layer.0.SelfAttention.o.weight"),
      ("decoder.layers.0.attention.cross_query", "decoder.block.0.layer.1.EncDecAttention.q.weight"),
      ("decoder.layers.0.attention.cross_key", "decoder.block.0.layer.1.EncDecAttention.k.weight"),
      ("decoder.layers.0.attention.cross_value", "decoder.block.0.layer.1.EncDecAttention.v.weight"),
      ("decoder.layers.0.cross_norm", "decoder.block.0.layer.1.layer_norm.weight"),
      ("encoder.layers.0.mlp.up", "encoder.block.0.layer.1.mlp.wi.weight"),
      ("decoder.layers.0.mlp.down", "decoder.block.0.layer.2.mlp.wo.weight"),
      ("decoder.layers.1.mlp.router", "decoder.block.1.layer.2.mlp.router.classifier.weight"),
      ("encoder.layers.1.mlp.experts.3.up", "encoder.block.1.layer.1.mlp.experts.expert_3.wi.weight"),
    ] {
      #expect(try checkpoint.bytes(parameter) == Array(try #require(stored[tensor]).bytes), "\(parameter)")
    }
    #expect(checkpoint.notes == [])
  }

  @Test func experts() throws {
    #expect(try sparse(graph([:])) == ["encoder.layers.1", "decoder.layers.1"])
    let layers = ["num_layers": 6, "num_decoder_layers": 5] as [String: Any?]
    func changed(_ changes: [String: Any?]) throws -> [String] { try sparse(graph(layers.merging(changes) { $1 })) }
    #expect(
      try changed(["encoder_sparse_step": 3, "decoder_sparse_step": 0])
        == ["encoder.layers.1", "encoder.layers.4"])
    #expect(try changed(["encoder_sparse_step": 0, "decoder_sparse_step": 1]).count == 5)
    // Without steps they follow from the counts.
    let counts: [String: Any?] = [
      "encoder_sparse_step": nil, "decoder_sparse_step": nil, "num_sparse_encoder_layers": 2,
      "num_sparse_decoder_layers": 0,
    ]
    #expect(try changed(counts) == ["encoder.layers.1", "encoder.layers.4"])
  }

  @Test func headsAreScaledWhereTheyAreTied() throws {
    let tied = try graph([:])
    #expect(tied.isTied)
    let scales = tied.blocks.flatMap(\.statements).compactMap { $0.operation as? Scale }
    #expect(scales.map(\.factor) == [0.125])
    let untied = try graph(["tie_word_embeddings": false])
    #expect(!untied.isTied)
    #expect(!untied.blocks.flatMap(\.statements).contains { $0.operation is Scale })
    #expect(throws: CheckpointError.self) { try open(["tie_word_embeddings": false]) }
  }

  @Test func theTargetBeginsWithWhatIsStated() throws {
    #expect(try open().model.companions.beginningOfSequenceID == 0)
    #expect(try open().model.companions.endOfSequenceIDs == [1])
    #expect(try open(["pad_token_id": 5]).model.companions.beginningOfSequenceID == 5)
    #expect(try open(["bos_token_id": 6]).model.companions.beginningOfSequenceID == 6)
    #expect(
      try open(["bos_token_id": 6, "decoder_start_token_id": 7]).model.companions.beginningOfSequenceID == 7)
    #expect(try open(["pad_token_id": nil]).model.companions.beginningOfSequenceID == nil)
  }

  @Test(arguments: [
    (["router_bias": true] as [String: any Sendable], "config.unsupported-value"),
    (["is_gated_act": true], "config.unsupported-value"),
    (["dense_act_fn": "gated-gelu"], "config.unsupported-value"),
    (["relative_attention_num_buckets": 30], "config.bad-value"),
    (["relative_attention_num_buckets": 0], "config.bad-value"),
    (["relative_attention_max_distance": 16], "config.bad-value"),
    (["relative_attention_max_distance": 1 << 17], "config.bad-value"),
    (["num_sparse_encoder_layers": 3], "config.bad-value"),
    (["encoder_sparse_step": -1], "config.bad-value"),
    (["num_experts": 0], "config.bad-value"),
    (["num_experts": 65_536, "num_layers": 4_096, "encoder_sparse_step": 1], "config.too-many-parameters"),
    (["d_kv": "16"], "config.wrong-type"),
    (["architectures": ["SwitchTransformersEncoderModel"]], "config.unsupported-task"),
  ])
  func refuses(changes: [String: any Sendable], code: String) {
    let error = #expect(throws: ConfigError.self) { try graph(changes.mapValues { $0 as Any? }) }
    #expect(error?.diagnosis.code == code)
  }

  @Test func aMissingExpertIsNamed() throws {
    var files = try CheckpointFiles(.switchTransformers)
    try files.edit { $0.tensors["decoder.block.1.layer.2.mlp.experts.expert_2.wo.weight"] = nil }
    let error = #expect(throws: CheckpointError.self) { try files.open() }
    #expect(error?.diagnosis.why.contains("decoder.layers.1.mlp.experts.2.down of shape [64, 128]") == true)
  }
}

extension ConfigReader {
  fileprivate init(parsing bytes: [UInt8]) throws {
    try self.init(.parse(bytes.span, source: "config.json"), source: "config.json")
  }
}
