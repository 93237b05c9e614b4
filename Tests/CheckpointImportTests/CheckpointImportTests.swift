import ByteIO
import Diagnostics
import Foundation
import ModelGraph
import TensorCore
import TestSupport
import Testing

@testable import CheckpointImport

/// Checkpoints that are opened as they are.
enum SampleCheckpoint: String, CaseIterable, Sendable {
  case llama, llama3Rope = "llama3-rope", mistralWindow = "mistral-window", mixtral, olmoe, qwen2, qwen2MoE =
    "qwen2-moe"
  case qwen3, qwen3MoE = "qwen3-moe", switchTransformers = "switch"
  case novelistDense = "novelist-dense", novelistMoE = "novelist-moe"

  var path: String { Fixtures.path((rawValue.hasPrefix("novelist") ? "models/" : "tiny/") + rawValue) }
}

/// A checkpoint folder being put together.
struct CheckpointFiles {
  var files: [String: Data] = [:]

  /// The files of a sample, golden values left out.
  init(_ sample: SampleCheckpoint) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: sample.path) where !name.hasPrefix("golden") {
      files[name] = try Data(contentsOf: URL(fileURLWithPath: "\(sample.path)/\(name)"))
    }
  }

  /// Sets keys of a JSON file; nil removes one.
  mutating func set(_ changes: [String: Any?], in name: String = "config.json") throws {
    var object = try files[name].map { try JSONSerialization.jsonObject(with: $0) as? [String: Any] ?? [:] } ?? [:]
    for (key, value) in changes { object[key] = value }
    files[name] = try JSONSerialization.data(withJSONObject: object)
  }

  /// Rewrites the weights.
  mutating func edit(_ body: (inout EditableTensors) throws -> Void) throws {
    var tensors = try EditableTensors(files["model.safetensors"] ?? Data())
    try body(&tensors)
    files["model.safetensors"] = try tensors.file()
  }

  /// Opens a folder of these files. The mapped weights outlive the folder.
  func open() throws -> Checkpoint {
    let folder = TemporaryFolder()
    for (name, data) in files { try data.write(to: URL(fileURLWithPath: folder.path(name))) }
    return try withExtendedLifetime(folder) { try Checkpoint.open(path: folder.path) }
  }
}

/// The tensors of a safetensors file, all bfloat16.
struct EditableTensors {
  var tensors: [String: (shape: [Int], bytes: Data)] = [:]

  init(_ file: Data) throws {
    let length = file.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    let header = try JSONSerialization.jsonObject(with: file.dropFirst(8).prefix(length)) as? [String: Any] ?? [:]
    for case (let name, let record as [String: Any]) in header where name != "__metadata__" {
      let range = try #require(record["data_offsets"] as? [Int])
      let bytes = file.subdata(in: 8 + length + range[0]..<8 + length + range[1])
      tensors[name] = (try #require(record["shape"] as? [Int]), bytes)
    }
  }

  func file() throws -> Data {
    var records: [String] = [], data = Data()
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      let end = data.count + tensor.bytes.count
      records.append(SafetensorsBytes.record(name, "BF16", tensor.shape, data.count, end))
      data += tensor.bytes
    }
    return Data(SafetensorsBytes.file("{" + records.joined(separator: ",") + "}", data: Array(data)))
  }

  /// Replaces the experts' tensors of every layer by the fused ones.
  mutating func fuseExperts(gate: String, up: String, down: String, count: Int, layers: Int) throws {
    for layer in 0..<layers {
      var gateUp = Data(), downs = Data(), gateShape: [Int] = [], downShape: [Int] = []
      for expert in 0..<count {
        func take(_ part: String) throws -> (shape: [Int], bytes: Data) {
          let tensor = tensors.removeValue(forKey: "model.layers.\(layer).\(part).weight")
          return try #require(tensor)
        }
        let parts = try [gate, up, down].map { try take($0.replacing("#", with: "\(expert)")) }
        gateUp += parts[0].bytes + parts[1].bytes
        downs += parts[2].bytes
        gateShape = parts[0].shape
        downShape = parts[2].shape
      }
      let prefix = "model.layers.\(layer).mlp.experts"
      tensors["\(prefix).gate_up_proj"] = ([count, 2 * gateShape[0], gateShape[1]], gateUp)
      tensors["\(prefix).down_proj"] = ([count] + downShape, downs)
    }
  }
}

extension Checkpoint {
  /// The bytes of a parameter's value.
  func bytes(_ parameter: String) throws -> [UInt8] {
    let storage = try #require(model.values[parameter]?.storage, "\(parameter)")
    return storage.withBytes { span in (0..<span.count).map { span[$0] } }
  }
}

@Suite struct CheckpointImportTests {
  @Test(arguments: SampleCheckpoint.allCases)
  func everyParameterIsItsTensor(sample: SampleCheckpoint) throws {
    let checkpoint = try Checkpoint.open(path: sample.path)
    let stored = try EditableTensors(Data(contentsOf: URL(fileURLWithPath: sample.path + "/model.safetensors"))).tensors
    #expect(checkpoint.model.values.count == stored.count)
    #expect(checkpoint.model.values.count == checkpoint.model.graph.parameters.count)
    var resolved: [[UInt8]] = []
    for parameter in checkpoint.model.graph.parameters {
      let bytes = try checkpoint.bytes(parameter.name)
      #expect(bytes.count == parameter.dimensions.reduce(2, *))
      resolved.append(bytes)
    }
    // Every tensor is the value of one parameter, so the parameters hold what the file holds.
    let order: ([UInt8], [UInt8]) -> Bool = { $0.lexicographicallyPrecedes($1) }
    #expect(resolved.sorted(by: order) == stored.values.map { Array($0.bytes) }.sorted(by: order))
  }

  @Test func parametersLieWhereTheirNamesSay() throws {
    let path = SampleCheckpoint.qwen2MoE.path
    let checkpoint = try Checkpoint.open(path: path)
    let stored = try EditableTensors(Data(contentsOf: URL(fileURLWithPath: path + "/model.safetensors"))).tensors
    for (parameter, tensor) in [
      ("embedding", "model.embed_tokens.weight"), ("head", "lm_head.weight"), ("final_norm", "model.norm.weight"),
      ("layers.1.input_norm", "model.layers.1.input_layernorm.weight"),
      ("layers.1.post_norm", "model.layers.1.post_attention_layernorm.weight"),
      ("layers.1.attention.query", "model.layers.1.self_attn.q_proj.weight"),
      ("layers.1.attention.key_bias", "model.layers.1.self_attn.k_proj.bias"),
      ("layers.1.attention.output", "model.layers.1.self_attn.o_proj.weight"),
      ("layers.1.mlp.router", "model.layers.1.mlp.gate.weight"),
      ("layers.1.mlp.experts.7.gate", "model.layers.1.mlp.experts.7.gate_proj.weight"),
      ("layers.1.mlp.experts.7.up", "model.layers.1.mlp.experts.7.up_proj.weight"),
      ("layers.1.mlp.experts.7.down", "model.layers.1.mlp.experts.7.down_proj.weight"),
      ("layers.1.mlp.shared.up", "model.layers.1.mlp.shared_expert.up_proj.weight"),
      ("layers.1.mlp.shared_router", "model.layers.1.mlp.shared_expert_gate.weight"),
    ] {
      #expect(try checkpoint.bytes(parameter) == Array(try #require(stored[tensor]).bytes), "\(parameter)")
    }
  }

  @Test func mixtralNumbersItsMatrices() throws {
    let path = SampleCheckpoint.mixtral.path
    let checkpoint = try Checkpoint.open(path: path)
    let stored = try EditableTensors(Data(contentsOf: URL(fileURLWithPath: path + "/model.safetensors"))).tensors
    for (part, matrix) in [("gate", "w1"), ("down", "w2"), ("up", "w3")] {
      let tensor = try #require(stored["model.layers.0.block_sparse_moe.experts.2.\(matrix).weight"])
      #expect(try checkpoint.bytes("layers.0.mlp.experts.2.\(part)") == Array(tensor.bytes))
    }
  }

  @Test(arguments: [
    (SampleCheckpoint.qwen3MoE, "mlp.experts.#.gate_proj", "mlp.experts.#.up_proj", "mlp.experts.#.down_proj", 8),
    (.mixtral, "block_sparse_moe.experts.#.w1", "block_sparse_moe.experts.#.w3", "block_sparse_moe.experts.#.w2", 4),
  ])
  func fusedExpertsAreTheSameBytes(sample: SampleCheckpoint, gate: String, up: String, down: String, count: Int) throws
  {
    var files = try CheckpointFiles(sample)
    try files.edit { tensors in
      try tensors.fuseExperts(gate: gate, up: up, down: down, count: count, layers: 2)
      if sample == .mixtral {
        for layer in 0..<2 {
          tensors.tensors["model.layers.\(layer).mlp.gate.weight"] =
            tensors.tensors.removeValue(forKey: "model.layers.\(layer).block_sparse_moe.gate.weight")
        }
      }
    }
    let fused = try files.open(), separate = try Checkpoint.open(path: sample.path)
    #expect(fused.model.graph == separate.model.graph)
    #expect(fused.notes == [])
    for parameter in separate.model.graph.parameters {
      #expect(try fused.bytes(parameter.name) == separate.bytes(parameter.name), "\(parameter.name)")
    }
  }

  @Test func companionsComeAlong() throws {
    let dense = try Checkpoint.open(path: SampleCheckpoint.novelistDense.path).model
    #expect(dense.companions.tokenizer?.pieces.count == 4096)
    #expect(dense.companions.endOfSequenceIDs == [0])
    #expect(
      dense.source.files.map(\.name)
        == ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"])
    let mixture = try Checkpoint.open(path: SampleCheckpoint.novelistMoE.path).model
    #expect(mixture.companions.beginningOfSequenceID == 1)
    #expect(mixture.companions.endOfSequenceIDs == [2])
    let bare = try Checkpoint.open(path: SampleCheckpoint.olmoe.path)
    #expect(bare.model.companions.tokenizer == nil)
    #expect(bare.model.companions.endOfSequenceIDs == [])
    #expect(bare.notes == ["`eos_token_id` 50279 is left out: the vocabulary has 512 tokens"])
  }

  @Test func singleFileOpensLikeItsFolder() throws {
    let folder = try Checkpoint.open(path: SampleCheckpoint.llama.path)
    let file = try Checkpoint.open(path: SampleCheckpoint.llama.path + "/model.safetensors")
    #expect(file.model.graph == folder.model.graph)
    #expect(try file.bytes("head") == folder.bytes("head"))
  }

  @Test func endsAreReadInEverySpelling() throws {
    for (stated, expected) in [(7, [7]), ([7, 9, 7], [7, 9]), (NSNull(), [])] as [(Any, [Int])] {
      var files = try CheckpointFiles(.llama)
      try files.set(["eos_token_id": stated])
      #expect(try files.open().model.companions.endOfSequenceIDs == expected)
    }
    var files = try CheckpointFiles(.llama)
    try files.set(["eos_token_id": [3, 4]], in: "generation_config.json")
    #expect(try files.open().model.companions.endOfSequenceIDs == [3, 4])
  }

  @Test func strayTensorsAreNoted() throws {
    var files = try CheckpointFiles(.qwen2)
    try files.edit { tensors in
      tensors.tensors["lm_head.weight"] = tensors.tensors["model.embed_tokens.weight"]
      tensors.tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = ([8], Data(count: 16))
      for extra in 0..<4 { tensors.tensors["extra.\(extra)"] = ([1], Data(count: 2)) }
    }
    #expect(
      try files.open().notes == [
        "`lm_head.weight` is left out: config.json ties the head to the embedding",
        "not used by the architecture qwen2 and left out: `extra.0`, `extra.1`, `extra.2` and 1 more",
      ])
  }

  @Test func sizesCountEveryRole() throws {
    let model = try Checkpoint.open(path: SampleCheckpoint.qwen2MoE.path).model
    let sizes = model.sizes
    #expect(
      sizes.byRole.map(\.role) == [.embedding, .attention, .expert, .sharedExpert, .router, .norm, .head, .other])
    #expect(sizes.byRole.reduce(0) { $0 + $1.figures.byteCount } == sizes.total.byteCount)
    #expect(sizes.total.byteCount == model.values.values.reduce(0) { $0 + $1.storage.byteCount })
    #expect(sizes.byRole.map(\.figures.bitsPerWeight) == Array(repeating: 16, count: 8))
    let expert = try #require(sizes.byRole.first { $0.role == .expert })
    #expect(expert.figures.elementCount == 2 * 8 * 3 * 32 * 64)
    #expect(model.text.hasPrefix(model.graph.text))
    #expect(model.text.contains("\n  @layers.0.mlp.experts.3.up [32, 64] dense(bf16) 4096 bytes\n"))
  }
}
