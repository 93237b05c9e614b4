import Diagnostics
import Encodings
import ModelGraph
import PackFormat
import TensorCore

/// What a packed file holds, read without its weights.
public struct PackSummary: Sendable {
  public let architecture: String
  /// Weights of the model.
  public let parameterCount: Int
  public let fileByteCount: Int
  /// Longest sequence the model was made for, in tokens.
  public let contextLength: Int
  public let vocabularyCount: Int
  /// Every byte of the file counts.
  public let bitsPerWeight: Double
  /// Bits per weight of the values by role, in the order roles first occur.
  public let bitsPerWeightByRole: [(role: String, bitsPerWeight: Double)]
  public let toolVersion: String
  /// The canonical pass list, empty for the identity.
  public let passList: String
  /// What the checkpoint recommends for sampling.
  public let generation: GenerationDefaults
  public let hasTokenizer: Bool
  public let hasChatTemplate: Bool
  /// What was measured when the pack was made.
  public let accuracy: [AccuracyRecord]
  /// The sets of experts that can be used alone.
  public let tasks: [Task]
  /// The checkpoint's files with their SHA-256 digests in hex.
  public let sources: [(name: String, digest: String)]

  /// A task and what it uses.
  public struct Task: Sendable {
    public let name: String
    /// Of each mixture, and how many the pack holds.
    public let expertCounts: [(used: Int, stored: Int)]
    /// Bytes of the experts it uses.
    public let expertByteCount: Int
  }

  /// - Throws: `PackFileError`, or the error of a file that cannot be read; what ``init(_:)`` does.
  public init(path: String) throws {
    try self.init(PackedModel.reader(path: path))
  }

  /// - Throws: `GraphError`, `PackModelError` where the pack has tasks and they do not fit its graph.
  public init(_ reader: PackReader) throws {
    let manifest = reader.manifest
    architecture = manifest.architecture
    fileByteCount = reader.byteCount
    contextLength = manifest.contextLength
    vocabularyCount = manifest.vocabularyCount
    toolVersion = manifest.toolVersion
    passList = manifest.passList
    generation = manifest.generation
    hasTokenizer = reader.tokenizer != nil
    hasChatTemplate = reader.chatTemplate != nil
    accuracy = reader.accuracy
    var roles: [(role: String, elements: Int, bytes: Int)] = []
    for parameter in manifest.parameters {
      let elements = MatrixShape(dimensions: parameter.dimensions).elementCount
      if let index = roles.firstIndex(where: { $0.role == parameter.role }) {
        roles[index].elements += elements
        roles[index].bytes += parameter.byteCount
      } else {
        roles.append((parameter.role, elements, parameter.byteCount))
      }
    }
    parameterCount = roles.reduce(0) { $0 + $1.elements }
    bitsPerWeight = Double(reader.byteCount) * 8 / Double(max(1, parameterCount))
    bitsPerWeightByRole = roles.map { ($0.role, Double($0.bytes) * 8 / Double(max(1, $0.elements))) }
    tasks = try Self.tasks(of: reader)
    sources = zip(manifest.sources, reader.sourceDigests).map { source, digest in
      (source.name, digest.bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined())
    }
  }

  private static func tasks(of reader: PackReader) throws -> [Task] {
    guard !reader.manifest.tasks.isEmpty else { return [] }
    let graph = try PackedModel.graph(of: reader), mixtures = graph.mixtures.map(\.mixture)
    return try PackTasks(of: reader, graph: graph).tasks.map { task in
      let names = zip(mixtures, task.experts).flatMap { mixture, experts in
        experts.flatMap { mixture.inputMatrices($0) + [mixture.down($0)] }
      }
      return Task(
        name: task.name, expertCounts: zip(mixtures, task.experts).map { ($1.count, $0.expertCount) },
        expertByteCount: Set(names).reduce(0) { $0 + (reader.parameter(named: $1)?.placement.byteCount ?? 0) })
    }
  }
}
