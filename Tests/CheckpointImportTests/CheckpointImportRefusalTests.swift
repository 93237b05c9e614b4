import ByteIO
import Diagnostics
import Foundation
import TestSupport
import Testing

@testable import CheckpointImport

@Suite struct CheckpointImportRefusalTests {
  /// What opening a changed copy of `sample` says.
  private func refusal(
    of sample: SampleCheckpoint = .llama, _ change: (inout CheckpointFiles) throws -> Void
  ) throws -> Diagnosis {
    var files = try CheckpointFiles(sample)
    try change(&files)
    let error = #expect(throws: (any Error).self) { try files.open() }
    return try #require((error as? any Diagnosable)?.diagnosis, "\(String(describing: error))")
  }

  @Test func missingFiles() throws {
    #expect(throws: ByteIOError.notFound(path: "/no/such/checkpoint")) {
      try Checkpoint.open(path: "/no/such/checkpoint")
    }
    let config = try refusal { $0.files["config.json"] = nil }
    #expect(config.code == "checkpoint.config-missing")
    #expect(config.status == .missingInput)
    #expect(try refusal { $0.files["model.safetensors"] = nil }.status == .missingInput)
  }

  @Test func missingTensor() throws {
    let error = try refusal(of: .mixtral) {
      try $0.edit { $0.tensors["model.layers.1.block_sparse_moe.experts.3.w2.weight"] = nil }
    }
    #expect(error.code == "checkpoint.tensor-missing")
    #expect(error.status == .malformedInput)
    #expect(error.what.contains("`model.layers.1.block_sparse_moe.experts.3.w2.weight`"))
    #expect(error.why.contains("layers.1.mlp.experts.3.down of shape [64, 128]"))
    #expect(error.why.contains("`model.layers.1.mlp.experts.down_proj`"))
  }

  @Test func untiedHeadIsNeeded() throws {
    let error = try refusal(of: .qwen2) { try $0.set(["tie_word_embeddings": false]) }
    #expect(error.what == "the tensor `lm_head.weight` is missing")
  }

  @Test func wrongShape() throws {
    let error = try refusal { try $0.set(["intermediate_size": 96]) }
    #expect(error.code == "checkpoint.wrong-dimensions")
    #expect(error.what == "the tensor `model.layers.0.mlp.gate_proj.weight` has the shape [128, 64]")
    #expect(error.why == "config.json asks for [96, 64]")
  }

  @Test func wrongFusedShape() throws {
    let error = try refusal(of: .qwen3MoE) {
      try $0.edit { tensors in
        try tensors.fuseExperts(
          gate: "mlp.experts.#.gate_proj", up: "mlp.experts.#.up_proj", down: "mlp.experts.#.down_proj", count: 8,
          layers: 2)
        let name = "model.layers.0.mlp.experts.down_proj"
        tensors.tensors[name] = ([8, 32, 64], try #require(tensors.tensors[name]).bytes)
      }
    }
    #expect(error.what == "the tensor `model.layers.0.mlp.experts.down_proj` has the shape [8, 32, 64]")
    #expect(error.why == "config.json asks for [8, 64, 32]")
  }

  @Test(arguments: [
    "base_model.model.layers.0.self_attn.q_proj.lora_A.weight", "model.layers.0.mlp.up_proj.weight_g",
    "model.layers.0.mlp.up_proj.qweight", "model.layers.0.mlp.up_proj.weight_scale_inv",
    "model.bn.num_batches_tracked",
  ])
  func foreignTensors(name: String) throws {
    let error = try refusal { try $0.edit { $0.tensors[name] = ([1], Data(count: 2)) } }
    #expect(error.code == "checkpoint.foreign-tensor")
    #expect(error.status == .unsupported)
    #expect(error.place.contains(name))
  }

  @Test func tokenizerLargerThanTheModel() throws {
    let error = try refusal(of: .novelistDense) {
      try $0.set(["vocab_size": 4000])
      try $0.edit { tensors in
        for name in ["model.embed_tokens.weight", "lm_head.weight"] {
          tensors.tensors[name] = ([4000, 256], try #require(tensors.tensors[name]).bytes.prefix(4000 * 512))
        }
      }
    }
    #expect(error.code == "checkpoint.tokenizer-too-large")
    #expect(error.why == "the highest token id is 4095, and the embedding has 4000 rows")
  }

  @Test func quantizedCheckpointIsNamed() throws {
    let error = try refusal { try $0.set(["quantization_config": ["quant_method": "gptq", "bits": 4]]) }
    #expect(error.code == "config.quantized")
    #expect(error.status == .unsupported)
    #expect(error.what.contains("gptq"))
  }

  @Test func brokenJSON() throws {
    let error = try refusal { $0.files["config.json"] = Data("{\"model_type\": ".utf8) }
    #expect(error.code.hasPrefix("json."))
    #expect(error.status == .malformedInput)
    #expect(try refusal { $0.files["config.json"] = Data("[]".utf8) }.code == "config.not-an-object")
  }
}
