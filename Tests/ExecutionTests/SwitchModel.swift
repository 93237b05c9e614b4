import DecodeKernels
import Encodings
import Execution
import Foundation
import ModelGraph
import Parallelism
import TensorCore
import TestSupport

/// The encoder–decoder of the fixtures, with the graph that is recorded for it.
struct SwitchModel: OperatorSource {
  let graph: ModelGraph
  let executor: Executor
  private let weights: Weights

  init(instructionSet: InstructionSet = .best, threadCount: Int = 2, chunkTokenCount: Int = 256) throws {
    let context = KernelContext(instructionSet: instructionSet, pool: WorkerPool(threadCount: threadCount))
    graph = try ModelGraph(
      parsing: String(contentsOfFile: Fixtures.path("golden-ir/switch.txt"), encoding: .utf8))
    weights = Weights(
      tensors: try SafetensorsFile(Fixtures.path("tiny/switch/model.safetensors")), context: context)
    executor = try Executor(graph: graph, operators: weights, context: context, chunkTokenCount: chunkTokenCount)
  }

  func linear(_ name: String) throws -> any LinearOperator { try weights.linear(name) }
  func vector(_ name: String) throws -> [Float] { try weights.vector(name) }

  /// Logits of all of `target`, (target.count, vocabulary).
  func logits(_ source: [Int], _ target: [Int], cache: KeyValueCache? = nil) throws -> [Float] {
    let cache = try cache ?? executor.makeCache()
    var logits: [Float] = []
    try executor.encode(source, into: cache)
    try executor.forward(target, cache: cache, logits: .all) { logits += $1.array }
    return logits
  }

  private struct Weights: OperatorSource {
    let tensors: SafetensorsFile
    let context: KernelContext

    func linear(_ name: String) throws -> any LinearOperator {
      let tensor = try tensors.tensor(Self.tensorName(name))
      return try EncodedMatrix(
        encoding: .dense(tensor.type), shape: MatrixShape(dimensions: tensor.dimensions),
        storage: InMemoryBytes(tensor.bytes), context: context)
    }

    func vector(_ name: String) throws -> [Float] { try tensors.tensor(Self.tensorName(name)).floats }

    private static func tensorName(_ name: String) -> String {
      guard name != "embedding" else { return "shared.weight" }
      let parts = name.split(separator: ".").map(String.init)
      guard parts[1] == "layers" else {
        return parts[1] == "final_norm"
          ? "\(parts[0]).final_layer_norm.weight"
          : "\(parts[0]).block.0.layer.0.SelfAttention.relative_attention_bias.weight"
      }
      let layer = "\(parts[0]).block.\(parts[2]).layer", last = parts[0] == "encoder" ? 1 : 2
      switch parts[3] {
      case "input_norm": return "\(layer).0.layer_norm.weight"
      case "cross_norm": return "\(layer).1.layer_norm.weight"
      case "post_norm": return "\(layer).\(last).layer_norm.weight"
      case "attention":
        let isCross = parts[4].hasPrefix("cross_"), part = isCross ? String(parts[4].dropFirst(6)) : parts[4]
        return "\(layer).\(isCross ? "1.EncDec" : "0.Self")Attention.\(part.prefix(1)).weight"
      default:
        let matrix = parts.last == "up" ? "wi" : "wo"
        if parts[4] == "router" { return "\(layer).\(last).mlp.router.classifier.weight" }
        let expert = parts[4] == "experts" ? ".experts.expert_\(parts[5])" : ""
        return "\(layer).\(last).mlp\(expert).\(matrix).weight"
      }
    }
  }
}

/// What transformers computed: `source` was its encoder's input, the first of it the decoder's.
struct SwitchGolden {
  let source: [Int]
  let target: [Int]
  let logits: [Float]

  init() throws {
    let golden = try Golden("tiny/switch/golden.safetensors")
    source = golden.ids
    logits = golden.logits
    target = Array(source[..<(logits.count / 512)])
  }
}
