import DecodeKernels
import Encodings
import Execution
import Foundation
import ModelGraph
import TensorCore
import TestSupport

/// A checkpoint folder of the fixtures, read with the least that a test needs: no checks, whole file in memory.
///
/// Parameters are called what their tensors are called, but for experts, whose tensors follow the graph's names.
struct TinyCheckpoint: OperatorSource {
  let graph: ModelGraph
  let tensors: SafetensorsFile
  let context: KernelContext

  init(_ folder: String, context: KernelContext) throws {
    let config =
      try JSONSerialization.jsonObject(
        with: Data(contentsOf: URL(fileURLWithPath: Fixtures.path(folder + "/config.json")))) as? [String: Any] ?? [:]
    graph = try TinyGraph(config).graph()
    tensors = try SafetensorsFile(Fixtures.path(folder + "/model.safetensors"))
    self.context = context
  }

  func linear(_ name: String) throws -> any LinearOperator {
    let tensor = try tensors.tensor(tensorName(name))
    return try EncodedMatrix(
      encoding: .dense(tensor.type), shape: MatrixShape(dimensions: tensor.dimensions),
      storage: InMemoryBytes(tensor.bytes), context: context)
  }

  func vector(_ name: String) throws -> [Float] { try tensors.tensor(name).floats }

  private func tensorName(_ name: String) -> String {
    guard name.contains(".experts.") || name.contains("shared_expert."), !name.hasSuffix(".weight") else { return name }
    let suffixes =
      name.contains("block_sparse_moe")
      ? ["gate": "w1", "up": "w3", "down": "w2"]
      : ["gate": "gate_proj", "up": "up_proj", "down": "down_proj"]
    let parts = name.split(separator: ".")
    return parts.dropLast().joined(separator: ".") + ".\(suffixes[String(parts[parts.count - 1]), default: ""]).weight"
  }
}

struct SafetensorsFile {
  struct Tensor {
    let type: ElementType
    let dimensions: [Int]
    let bytes: [UInt8]

    var floats: [Float] {
      var floats = [Float](repeating: 0, count: bytes.count / type.byteCount)
      var span = floats.mutableSpan
      DenseConversion(.scalar).decode(bytes.span, as: type, into: &span)
      return floats
    }
  }

  private let header: [String: Any]
  private let bytes: [UInt8]
  private let start: Int

  init(_ path: String) throws {
    bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    start = 8 + bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    header = try JSONSerialization.jsonObject(with: Data(bytes[8..<start])) as? [String: Any] ?? [:]
  }

  func tensor(_ name: String) throws -> Tensor {
    guard let type = typeName(name), let element = ["F32": .f32, "F16": .f16, "BF16": .bf16][type] as ElementType?
    else { throw CocoaError(.fileReadCorruptFile) }
    return Tensor(type: element, dimensions: dimensions(name), bytes: content(name))
  }

  private func entry(_ name: String) -> [String: Any] { header[name] as? [String: Any] ?? [:] }
  private func typeName(_ name: String) -> String? { entry(name)["dtype"] as? String }
  private func dimensions(_ name: String) -> [Int] { entry(name)["shape"] as? [Int] ?? [] }
  private func content(_ name: String) -> [UInt8] {
    let offsets = entry(name)["data_offsets"] as? [Int] ?? [0, 0]
    return Array(bytes[start + offsets[0]..<start + offsets[1]])
  }
}

/// What transformers computed for a model: logits (ids.count, vocabulary).
struct Golden {
  let ids: [Int]
  let logits: [Float]

  init(_ path: String) throws {
    let tensors = try GoldenTensors(Fixtures.path(path))
    ids = tensors.integers("input_ids")
    logits = tensors.floats("logits")
  }
}
