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

  /// The task it was bound for; nil where all experts are used.
  public let taskChoice: TaskChoice?

  private let residency: ExpertResidency?

  public var graph: ModelGraph { executor.graph }

  /// What became of the limit on the memory of experts; nil where there was none.
  public var expertStatistics: ExpertStatistics? { residency?.statistics }

  /// Leaves out, from now on, experts that tokens can do without by the thresholds in the graph.
  /// - Throws: `PackModelError.noSkipping` where there are none.
  public func skipExperts() throws(PackModelError) {
    guard graph.mixtures.contains(where: { $0.mixture.skipping != nil }) else {
      throw .noSkipping(path: reader.path)
    }
    executor.skipsExperts = true
  }

  /// What was left out; nil where nothing is.
  public var expertSkips: ExpertSkips? { executor.skipsExperts ? executor.expertSkips : nil }

  /// Opens and checks the pack at `path`, and binds its parameters to kernels. Every weight section that is used is
  /// verified.
  /// - Parameters:
  ///   - task: whose experts are used; those of others are neither verified nor read.
  ///   - expertMemory: most memory that experts take at once; they are read, and verified, when they are needed. Nil for
  ///     all experts, mapped.
  /// - Throws: `PackFileError`, `GraphError`, `PackModelError`, `TokenizerError` or `ExecutionError`.
  public static func open(
    path: String, context: KernelContext, task: TaskSelection = .all, expertMemory: ExpertMemoryLimit? = nil
  ) throws -> PackedModel {
    try PackedModel(reader(path: path), context: context, task: task, expertMemory: expertMemory)
  }

  /// Opens the pack at `path`.
  /// - Throws: `PackModelError.folder`, `PackFileError`.
  static func reader(path: String) throws -> PackReader {
    guard !FileSystem.isDirectory(path) else { throw PackModelError.folder(path: path) }
    return try PackReader(path: path)
  }

  /// - Parameters:
  ///   - task, expertMemory: as in ``open(path:context:task:expertMemory:)``.
  ///   - releasing: whether to drop pages after they were verified, for a pack that is larger than memory.
  public init(
    _ reader: PackReader, context: KernelContext, task: TaskSelection = .all, releasing: Bool = false,
    expertMemory: ExpertMemoryLimit? = nil
  ) throws {
    self.reader = reader
    self.context = context
    let whole = try Self.graph(of: reader)
    let tokenizer = try Self.tokenizer(of: reader)
    self.tokenizer = tokenizer
    var operators = PackOperators(reader: reader, context: context)
    let tasks = try PackTasks(of: reader, graph: whole)
    let probe = RouterProbe(graph: whole, operators: operators, context: context)
    let chosen = try tasks.choose(task) { prompt in
      try probe.meanProbabilities(Self.ids(of: prompt, tokenizer, path: reader.path))
    }
    taskChoice = chosen?.choice
    let graph = chosen.map { tasks.graph(for: $0.task) } ?? whole
    if let expertMemory {
      let pack = try PackExperts(of: graph, reader: reader, context: context)
      operators.experts = (pack, try pack.residency(limit: expertMemory))
    }
    residency = operators.experts?.residency
    let sections = Self.sections(of: graph, in: reader).filter { operators.experts?.pack.owns(section: $0) != true }
    _ = try context.pool.map(sections.count) { try reader.verify(section: sections[$0], releasing: releasing) }
    let source: any OperatorSource =
      if let chosen {
        TaskOperators(pack: operators, rows: tasks.routerRows(for: chosen.task), context: context)
      } else { operators }
    executor = try Executor(graph: graph, operators: source, context: context)
  }

  /// The sections that hold parameters of `graph`, ascending.
  private static func sections(of graph: ModelGraph, in reader: PackReader) -> [Int] {
    Set(graph.parameters.compactMap { reader.parameter(named: $0.name)?.placement.section }).sorted()
  }

  /// The tokenizer of the pack at `path`, without binding any weight.
  /// - Throws: `PackModelError.noTokenizer` where there is none.
  public static func tokenizer(path: String) throws -> Tokenizer {
    let reader = try reader(path: path)
    guard let tokenizer = try tokenizer(of: reader) else { throw PackModelError.noTokenizer(path: path) }
    return tokenizer
  }

  /// The ids of a prompt.
  /// - Throws: `PackModelError.noTokenizer`.
  public func ids(of prompt: Prompt) throws -> [Int] { try Self.ids(of: prompt, tokenizer, path: reader.path) }

  /// The ids of a text, nothing added.
  /// - Throws: `PackModelError.noTokenizer`.
  public func ids(text: String) throws -> [Int] {
    guard let tokenizer else { throw PackModelError.noTokenizer(path: reader.path) }
    return tokenizer.encode(text)
  }

  private static func ids(of prompt: Prompt, _ tokenizer: Tokenizer?, path: String) throws -> [Int] {
    switch prompt {
    case .ids(let ids): return ids
    case .text(let text):
      guard let tokenizer else { throw PackModelError.noTokenizer(path: path) }
      return tokenizer.encode(text, addSpecial: true)
    }
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
  static func graph(of reader: PackReader) throws -> ModelGraph {
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
