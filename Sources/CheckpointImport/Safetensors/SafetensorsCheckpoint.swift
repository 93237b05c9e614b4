import ByteIO
import TensorCore

/// A tensor of a checkpoint: a view of mapped bytes.
public struct StoredTensor: Sendable {
  public let name: String
  public let elementType: ElementType
  /// Row-major; empty for a scalar.
  public let dimensions: [Int]
  /// The elements, little-endian and not necessarily aligned.
  public let storage: ByteSlice
}

/// The weights of a checkpoint, in one safetensors file or several with an index. Files are mapped, never loaded.
public struct SafetensorsCheckpoint: Sendable {
  /// A file the weights are in.
  public struct File: Sendable {
    /// Its name in the folder.
    public let name: String
    public let storage: any ByteStorage

    public var byteCount: Int { storage.byteCount }
  }

  /// Something odd that does not stand in the way.
  public enum Warning: Sendable, Equatable {
    case tensorNotInIndex(tensor: String, shard: String)
    case totalByteCountDiffers(declared: Double, found: Int)

    public var text: String {
      switch self {
      case .tensorNotInIndex(let tensor, let shard):
        "tensor `\(tensor)` in \(shard) is not in the index and is left out"
      case .totalByteCountDiffers(let declared, let found):
        "the index states \(declared) bytes of weights, there are \(found)"
      }
    }
  }

  /// The folder that also holds config.json.
  public let folder: String
  /// Where the weights are, in ascending order of names.
  public let files: [File]
  /// The names of all tensors, ascending.
  public let tensorNames: [String]
  public let warnings: [Warning]

  private let tensors: [String: Located]

  /// A tensor and the file it is in.
  private struct Located: Sendable {
    let tensor: SafetensorsFile.Tensor
    let path: String
    let storage: any ByteStorage
  }

  private static let singleFileName = "model.safetensors"
  private static let suffix = ".safetensors"

  /// Opens the checkpoint in the folder `path`, or the safetensors file `path`.
  /// - Throws: `ByteIOError`, `JSONError`, `SafetensorsError`, `CheckpointFolderError`.
  public init(path: String) throws {
    if FileSystem.isDirectory(path) {
      try self.init(folder: path)
    } else if path.hasSuffix(Self.suffix) || !FileSystem.exists(path) {
      try self.init(folder: FileSystem.folder(of: path), singleFile: FileSystem.name(of: path))
    } else {
      throw CheckpointFolderError.notACheckpoint(path: path)
    }
  }

  private init(folder: String) throws {
    let present = try FileSystem.listDirectory(folder)
    if present.contains(Self.singleFileName) {
      try self.init(folder: folder, singleFile: Self.singleFileName)
    } else if present.contains(SafetensorsIndex.fileName) {
      try self.init(folder: folder, index: SafetensorsIndex(folder: folder))
    } else {
      throw Self.missingWeights(folder, present)
    }
  }

  private init(folder: String, singleFile name: String) throws {
    let path = FileSystem.path(folder, name)
    let file = try SafetensorsFile(MappedFile(path: path), path: path)
    var tensors: [String: Located] = [:]
    for tensor in file.tensors { tensors[tensor.name] = Located(tensor: tensor, path: path, storage: file.storage) }
    self.init(folder: folder, files: [File(name: name, storage: file.storage)], tensors: tensors, warnings: [])
  }

  private init(folder: String, index: SafetensorsIndex) throws {
    let files = try Self.map(index.shards, folder)
    let shardOfTensor = Dictionary(index.shardOfTensor, uniquingKeysWith: { first, _ in first })
    var tensors: [String: Located] = [:]
    var warnings: [Warning] = [], byteCount = 0
    for file in files {
      let path = FileSystem.path(folder, file.name)
      for tensor in try SafetensorsFile(file.storage, path: path).tensors {
        byteCount += tensor.byteRange.count
        if shardOfTensor[tensor.name] == file.name {
          tensors[tensor.name] = Located(tensor: tensor, path: path, storage: file.storage)
        } else {
          warnings.append(.tensorNotInIndex(tensor: tensor.name, shard: file.name))
        }
      }
    }
    for (tensor, shard) in index.shardOfTensor where tensors[tensor] == nil {
      throw CheckpointFolderError.tensorNotInShard(index: index.path, tensor: tensor, shard: shard)
    }
    if let declared = index.declaredByteCount, declared != Double(byteCount) {
      warnings.append(.totalByteCountDiffers(declared: declared, found: byteCount))
    }
    self.init(folder: folder, files: files, tensors: tensors, warnings: warnings)
  }

  private init(folder: String, files: [File], tensors: [String: Located], warnings: [Warning]) {
    self.folder = folder
    self.files = files
    self.tensors = tensors
    self.warnings = warnings
    tensorNames = tensors.keys.sorted()
  }

  /// The directory's entry of the tensor called `name`, whatever its type; nil when there is none.
  public func entry(named name: String) -> SafetensorsFile.Tensor? { tensors[name]?.tensor }

  /// The weight called `name`, nil when there is none.
  /// - Throws: `typeNotReadable` when its type is not one of those weights are read in.
  public func tensor(named name: String) throws(SafetensorsError) -> StoredTensor? {
    guard let located = tensors[name] else { return nil }
    let tensor = located.tensor
    guard let elementType = tensor.type.elementType else {
      throw .typeNotReadable(file: located.path, tensor: name, type: tensor.type)
    }
    return StoredTensor(
      name: tensor.name, elementType: elementType, dimensions: tensor.dimensions,
      storage: ByteSlice(located.storage, tensor.byteRange))
  }

  /// Maps all shards, so that an incomplete download is reported with everything it lacks. A link that leads nowhere
  /// counts as missing: that is how a download cache looks halfway.
  private static func map(_ shards: [String], _ folder: String) throws -> [File] {
    var files: [File] = [], missing: [String] = []
    for shard in shards {
      let path = FileSystem.path(folder, shard)
      do {
        files.append(File(name: shard, storage: try MappedFile(path: path)))
      } catch ByteIOError.notFound {
        missing.append(shard)
      }
    }
    guard missing.isEmpty else { throw CheckpointFolderError.shardsMissing(folder: folder, shards: missing) }
    return files
  }

  /// What to say of a folder with neither the single file nor an index.
  private static func missingWeights(_ folder: String, _ present: [String]) -> CheckpointFolderError {
    let weights = present.filter { $0.hasSuffix(suffix) }
    let pickled = present.filter { $0.hasPrefix("pytorch_model") && $0.hasSuffix(".bin") }
    if weights.count > 1 { return .severalShardsWithoutIndex(folder: folder, shards: weights) }
    if weights.isEmpty, !pickled.isEmpty { return .onlyPickledWeights(folder: folder, present: pickled) }
    return .noWeights(folder: folder, present: weights)
  }
}
