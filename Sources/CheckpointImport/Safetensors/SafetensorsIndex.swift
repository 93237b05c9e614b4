import ByteIO
import ForeignFormats

/// `model.safetensors.index.json`: which file of the folder holds which tensor.
struct SafetensorsIndex: Sendable {
  static let fileName = "model.safetensors.index.json"

  let path: String
  /// Tensors and the bare names of their files, in the order of the index.
  let shardOfTensor: [(tensor: String, shard: String)]
  /// Every file named, once, in ascending order.
  let shards: [String]
  /// The total it states; old writers put a wrong one, or a fraction.
  let declaredByteCount: Double?

  /// - Throws: `ByteIOError`, `JSONError`, `CheckpointFolderError`.
  init(folder: String) throws {
    let path = FileSystem.path(folder, Self.fileName)
    let bytes = try FileSystem.readSmallFile(path, limit: SafetensorsFile.headerByteCountLimit, allowsPipes: false)
    try self.init(JSONValue.parse(bytes.span, source: path), path: path)
  }

  private init(_ document: JSONValue, path: String) throws(CheckpointFolderError) {
    guard let map = document["weight_map"]?.object else {
      throw .indexMalformed(index: path, reason: "it has no object `weight_map`")
    }
    guard map.count > 0 else { throw .indexMalformed(index: path, reason: "`weight_map` is empty") }
    var shardOfTensor: [(tensor: String, shard: String)] = []
    shardOfTensor.reserveCapacity(map.count)
    for member in map.members {
      guard let shard = member.value.string else {
        throw .indexMalformed(index: path, reason: "tensor `\(member.key)` is mapped to \(member.value.kind)")
      }
      guard Self.isBare(shard) else {
        throw .shardNameNotBare(index: path, tensor: member.key, shard: shard)
      }
      shardOfTensor.append((member.key, shard))
    }
    self.path = path
    self.shardOfTensor = shardOfTensor
    shards = Set(shardOfTensor.map(\.shard)).sorted()
    declaredByteCount = document["metadata"]?["total_size"]?.double
  }

  /// Whether `name` can only mean a file of the folder itself.
  private static func isBare(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".." && !name.utf8.contains { [0, 0x2F, 0x5C].contains($0) }
  }
}
