import CheckpointImport
import TensorCore
import TestSupport
import Testing

/// Real files; the numbers expected were computed with numpy.
struct SafetensorsFixtureTests {
  struct Expectation: Sendable, CustomTestStringConvertible {
    let checkpoint: String
    let tensor: String
    let dimensions: [Int]
    let first: [Float]
    let last: [Float]
    let absoluteSum: Double

    var testDescription: String { "\(checkpoint): \(tensor)" }
  }

  @Test(arguments: [
    Expectation(
      checkpoint: "models/novelist-dense", tensor: "model.embed_tokens.weight", dimensions: [4096, 256],
      first: [-0.0216064453125, 0.003265380859375, 0.01165771484375, 0.004302978515625],
      last: [-0.0205078125, -0.06884765625], absoluteSum: 50337.55852795066),
    Expectation(
      checkpoint: "models/novelist-dense", tensor: "model.layers.2.self_attn.k_proj.weight", dimensions: [128, 256],
      first: [0.038330078125, 0.11279296875, -0.023681640625, -0.1201171875],
      last: [0.000415802001953125, 0.0030975341796875], absoluteSum: 1203.643570780754),
    Expectation(
      checkpoint: "models/novelist-dense", tensor: "model.norm.weight", dimensions: [256],
      first: [1.5546875, 1.7578125, 1.7265625, 1.640625], last: [1.4921875, 1.5546875], absoluteSum: 413.72265625),
    Expectation(
      checkpoint: "models/novelist-moe", tensor: "model.layers.1.mlp.experts.5.up_proj.weight", dimensions: [256, 256],
      first: [0.00421142578125, -0.037353515625, 0.038818359375, -0.076171875],
      last: [0.0272216796875, 0.01043701171875], absoluteSum: 2488.662687242031),
    Expectation(
      checkpoint: "models/novelist-moe", tensor: "model.layers.1.mlp.gate.weight", dimensions: [16, 256],
      first: [-0.00445556640625, -0.03955078125, 0.00823974609375, 0.003082275390625],
      last: [-0.050537109375, -0.0269775390625], absoluteSum: 185.0056790113449),
    Expectation(
      checkpoint: "tiny/qwen2-moe", tensor: "model.layers.0.mlp.experts.1.down_proj.weight", dimensions: [64, 32],
      first: [0.07373046875, 0.001678466796875, 0.0223388671875, 0.0771484375],
      last: [0.04443359375, -0.07666015625], absoluteSum: 133.93208402395248),
    Expectation(
      checkpoint: "golden/novelist-dense.safetensors", tensor: "logits", dimensions: [96, 4096],
      first: [-11.14500904083252, -0.6213890314102173, -2.0518417358398438, -11.352384567260742],
      last: [-4.591247081756592, -4.455010890960693], absoluteSum: 1561395.855445053),
  ])
  func valuesAreThoseOfTheFile(_ expected: Expectation) throws {
    let checkpoint = try SafetensorsCheckpoint(path: Fixtures.path(expected.checkpoint))
    let tensor = try #require(try checkpoint.tensor(named: expected.tensor))
    #expect(tensor.dimensions == expected.dimensions)
    let values = floats(tensor)
    #expect(values.count == expected.dimensions.reduce(1, *))
    #expect(Array(values.prefix(4)) == expected.first)
    #expect(Array(values.suffix(2)) == expected.last)
    // Values have 24 bits at most, so the sum in double precision is exact but for its last bits.
    let absoluteSum = values.reduce(0.0) { $0 + abs(Double($1)) }
    #expect(abs(absoluteSum - expected.absoluteSum) <= 1e-9 * expected.absoluteSum)
  }

  @Test(arguments: [
    ("models/novelist-dense", 75, 16_794_064), ("models/novelist-moe", 230, 28_900_840), ("tiny/llama", 21, 281_336),
    ("tiny/llama3-rope", 20, 215_712), ("tiny/mistral-window", 21, 281_336), ("tiny/mixtral", 41, 579_736),
    ("tiny/olmoe", 69, 993_784), ("tiny/qwen2", 26, 216_824), ("tiny/qwen2-moe", 79, 438_040),
    ("tiny/qwen3", 25, 331_160), ("tiny/qwen3-moe", 69, 436_432),
  ])
  func everyBundledCheckpointOpens(folder: String, tensorCount: Int, byteCount: Int) throws {
    let checkpoint = try SafetensorsCheckpoint(path: Fixtures.path(folder))
    #expect(checkpoint.tensorNames.count == tensorCount)
    #expect(checkpoint.files.map(\.name) == ["model.safetensors"])
    #expect(checkpoint.files.map(\.byteCount) == [byteCount])
    for name in checkpoint.tensorNames {
      #expect(try checkpoint.tensor(named: name)?.elementType == .bf16)
    }
  }

  /// Elements by their bit patterns, independent of the library's own decoding.
  private func floats(_ tensor: StoredTensor) -> [Float] {
    tensor.storage.withBytes { bytes in
      switch tensor.elementType {
      case .f32:
        (0..<bytes.count / 4).map { index in
          Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[4 * index + $1]) << UInt32(8 * $1) })
        }
      case .bf16:
        (0..<bytes.count / 2).map { index in
          Float(bitPattern: UInt32(bytes[2 * index]) << 16 | UInt32(bytes[2 * index + 1]) << 24)
        }
      case .f16:
        (0..<bytes.count / 2).map { index in
          Float(Float16(bitPattern: UInt16(bytes[2 * index]) | UInt16(bytes[2 * index + 1]) << 8))
        }
      }
    }
  }
}
