import ByteIO
import Diagnostics
import ModelGraph
import ModelIR
import Tokenization

/// A checkpoint as it lies on the disk, understood: a graph, a mapped value for each of its parameters, and what
/// travels along.
public struct Checkpoint: Sendable {
  /// The folder that holds config.json.
  public let folder: String
  public let model: Model
  /// What a user may want to know and nothing stumbles over, one sentence each.
  public let notes: [String]

  /// Opens a folder with config.json and safetensors files, or a single safetensors file beside its config.json.
  ///
  /// Weights are mapped, not read.
  /// - Throws: a `Diagnosable` error: `ByteIOError`, `JSONError`, `ConfigError`, `SafetensorsError`,
  ///   `CheckpointFolderError`, `CheckpointError`, or what `TokenizerImport` throws.
  public static func open(path: String) throws -> Checkpoint {
    guard FileSystem.exists(path) else { throw ByteIOError.notFound(path: path) }
    guard FileSystem.isDirectory(path) || path.hasSuffix(".safetensors") else {
      throw CheckpointFolderError.notACheckpoint(path: path)
    }
    let folder = CompanionFolder(path: FileSystem.isDirectory(path) ? path : FileSystem.folder(of: path))
    guard let config = try folder.configuration("config.json") else {
      throw CheckpointError.configMissing(folder: folder.path)
    }
    let blueprint = try ArchitectureCatalog.blueprint(config)
    try blueprint.graph.verify()

    let weights = try SafetensorsCheckpoint(path: path)
    var resolver = try TensorResolver(weights)
    let values = try resolver.values(of: blueprint)
    let companions = try ImportedCompanions(folder, config, blueprint.graph)

    let weightFiles = weights.files.map { Source.File(name: $0.name, storage: $0.storage) }
    let model = Model(
      graph: blueprint.graph, values: values, companions: companions.companions,
      source: Source(files: try folder.files(companions.files) + weightFiles))
    try model.verify()
    return Checkpoint(
      folder: folder.path, model: model,
      notes: weights.warnings.map(\.text) + resolver.notes(blueprint.graph) + companions.notes)
  }
}

/// What stands beside the weights and goes into the pack, and the files it came from.
private struct ImportedCompanions {
  let companions: Companions
  var files = ["config.json"]
  let notes: [String]

  /// - Throws: `CheckpointError.tokenizerTooLarge`, `ConfigError`, and what `TokenizerImport` throws.
  init(_ folder: CompanionFolder, _ config: ConfigReader, _ graph: ModelGraph) throws {
    let vocabularyCount = graph.vocabularyCount
    let generation = try folder.configuration("generation_config.json")
    if generation != nil { files.append("generation_config.json") }
    let tokenizer = try TokenizerImport.load(modelEndIDs: config.integers("eos_token_id") ?? []) { try folder.read($0) }
    if let tokenizer {
      guard tokenizer.tables.pieces.count <= vocabularyCount else {
        throw CheckpointError.tokenizerTooLarge(
          tokenCount: tokenizer.tables.pieces.count, vocabularyCount: vocabularyCount, folder: folder.path)
      }
      files += tokenizer.files
    }
    let marks = try SequenceMarks(
      tokenizer: tokenizer?.tables, generation: generation, config: config, vocabularyCount: vocabularyCount,
      hasTarget: graph.sourceSequence != nil)
    companions = Companions(
      tokenizer: tokenizer?.tables, chatTemplate: tokenizer?.chatTemplate, beginningOfSequenceID: marks.beginning,
      endOfSequenceIDs: marks.ends, sampling: generation.map { SamplingAdvice($0) } ?? SamplingAdvice())
    notes = marks.notes
  }
}
