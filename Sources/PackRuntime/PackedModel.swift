import ByteIO
import DecodeKernels
import Execution
import ModelGraph
import PackFormat
import TensorCore
import Tokenization

/// A pack bound to the forward pass: ready to generate and to score.
public final class PackedModel {
  public let reader: PackReader
  public let executor: Executor
  public let context: KernelContext
  /// Nil for a pack without a tokenizer, which works with ids.
  public let tokenizer: Tokenizer?

  public var graph: ModelGraph { executor.graph }

  /// Opens and checks the pack at `path`, and binds its parameters to kernels. Every weight section is verified.
  /// - Throws: `PackFileError`, `GraphError`, `PackModelError`, `TokenizerError` or `ExecutionError`.
  public static func open(path: String, context: KernelContext) throws -> PackedModel {
    try PackedModel(reader(path: path), context: context)
  }

  /// Opens the pack at `path`.
  /// - Throws: `PackModelError.folder`, `PackFileError`.
  static func reader(path: String) throws -> PackReader {
    guard !FileSystem.isDirectory(path) else { throw PackModelError.folder(path: path) }
    return try PackReader(path: path)
  }

  /// - Parameter releasing: whether to drop pages after they were verified, for a pack that is larger than memory.
  public init(_ reader: PackReader, context: KernelContext, releasing: Bool = false) throws {
    self.reader = reader
    self.context = context
    let graph = try Self.graph(of: reader)
    tokenizer = try Self.tokenizer(of: reader)
    _ = try context.pool.map(reader.sections.count) { try reader.verify(section: $0, releasing: releasing) }
    executor = try Executor(graph: graph, operators: PackOperators(reader: reader, context: context), context: context)
  }

  /// The tokenizer of the pack at `path`, without binding any weight.
  /// - Throws: `PackModelError.noTokenizer` where there is none.
  public static func tokenizer(path: String) throws -> Tokenizer {
    let reader = try reader(path: path)
    guard let tokenizer = try tokenizer(of: reader) else { throw PackModelError.noTokenizer(path: path) }
    return tokenizer
  }

  /// The ids of a prompt, with the tokens around it that the model expects.
  /// - Throws: `PackModelError.noTokenizer`.
  public func promptIDs(text: String) throws -> [Int] { try requiredTokenizer().encode(text, addSpecial: true) }

  /// The ids of a text, nothing added.
  /// - Throws: `PackModelError.noTokenizer`.
  public func ids(text: String) throws -> [Int] { try requiredTokenizer().encode(text) }

  private func requiredTokenizer() throws -> Tokenizer {
    guard let tokenizer else { throw PackModelError.noTokenizer(path: reader.path) }
    return tokenizer
  }

  private static func tokenizer(of reader: PackReader) throws -> Tokenizer? {
    guard let bytes = reader.tokenizer else { return nil }
    let tokenizer = try Tokenizer(TokenizerTables(deserializing: bytes.span))
    guard tokenizer.vocabularyCount <= reader.manifest.vocabularyCount else {
      throw PackModelError.tokenizerTooLarge(
        tokenizer: tokenizer.vocabularyCount, model: reader.manifest.vocabularyCount, path: reader.path)
    }
    return tokenizer
  }

  /// The graph of the pack, agreeing with its manifest.
  private static func graph(of reader: PackReader) throws -> ModelGraph {
    let graph = try ModelGraph(parsing: reader.graphText)
    try graph.verify()
    let manifest = reader.manifest
    guard graph.vocabularyCount == manifest.vocabularyCount, graph.contextLength == manifest.contextLength else {
      throw PackModelError.countsDiffer(path: reader.path)
    }
    for declared in graph.parameters {
      guard let placed = reader.parameter(named: declared.name) else {
        throw PackModelError.parameterMissing(name: declared.name, path: reader.path)
      }
      guard placed.parameter.dimensions == declared.dimensions, placed.parameter.role == declared.role.rawValue else {
        throw PackModelError.parameterDiffers(name: declared.name, path: reader.path)
      }
    }
    if reader.parameters.count != graph.parameters.count {
      let declared = Set(graph.parameters.map(\.name))
      let stray = reader.parameters.first { !declared.contains($0.parameter.name) }
      throw PackModelError.parameterUnused(name: stray?.parameter.name ?? "", path: reader.path)
    }
    return graph
  }
}
