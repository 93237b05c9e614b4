import Diagnostics

/// Why the weight files of a checkpoint do not make a whole. `folder` and `index` are paths, other names are bare.
public enum CheckpointFolderError: Error, Equatable, Sendable {
  case notACheckpoint(path: String)
  case noWeights(folder: String, present: [String])
  case onlyPickledWeights(folder: String, present: [String])
  case severalShardsWithoutIndex(folder: String, shards: [String])
  case indexMalformed(index: String, reason: String)
  case shardNameNotBare(index: String, tensor: String, shard: String)
  case shardsMissing(folder: String, shards: [String])
  case tensorNotInShard(index: String, tensor: String, shard: String)
}

extension CheckpointFolderError: Diagnosable {
  public var diagnosis: Diagnosis {
    switch self {
    case .notACheckpoint(let path):
      Diagnosis(
        code: "checkpoint.not-a-checkpoint", what: "this is neither a folder nor a safetensors file", place: path,
        why: "a checkpoint is a folder with config.json and model.safetensors, or one .safetensors file",
        fix: "name the folder of the checkpoint", status: .malformedInput)
    case .noWeights(let folder, let present):
      Diagnosis(
        code: "checkpoint.no-weights", what: "the folder holds no weights", place: folder,
        why: "there is neither model.safetensors nor model.safetensors.index.json"
          + (present.isEmpty ? "" : "; there is \(Self.list(present))"),
        fix: present.isEmpty ? "name the folder of a checkpoint" : "name one of these files itself",
        status: .missingInput)
    case .onlyPickledWeights(let folder, let present):
      Diagnosis(
        code: "checkpoint.only-pickled-weights", what: "the weights are stored as Python pickles", place: folder,
        why: "\(Self.list(present)): reading a pickle means running a program", fix: "convert them to safetensors",
        status: .unsupported)
    case .severalShardsWithoutIndex(let folder, let shards):
      Diagnosis(
        code: "checkpoint.index-missing", what: "the weights are split and their index is missing", place: folder,
        why: "\(Self.list(shards)) are there, model.safetensors.index.json is not", fix: "fetch the index too",
        status: .missingInput)
    case .indexMalformed(let index, let reason):
      Self.malformed("index-malformed", "the index does not map tensors to files", index, reason)
    case .shardNameNotBare(let index, let tensor, let shard):
      Self.malformed(
        "shard-name-not-bare", "the index leads out of its folder", "\(index), tensor `\(tensor)`",
        "`\(shard)` is not the plain name of a file", fix: "put the file beside the index and name it there")
    case .shardsMissing(let folder, let shards):
      Diagnosis(
        code: "checkpoint.shards-missing",
        what: shards.count == 1
          ? "a file of the weights is missing" : "\(shards.count) files of the weights are missing",
        place: folder, why: "the index names \(Self.list(shards))", fix: "fetch what is missing", status: .missingInput)
    case .tensorNotInShard(let index, let tensor, let shard):
      Self.malformed(
        "tensor-not-in-shard", "a tensor is not where the index says", "\(index), tensor `\(tensor)`",
        "`\(shard)` does not hold it", fix: "fetch index and weights of one and the same version")
    }
  }

  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(8).joined(separator: ", ")
    return names.count > 8 ? "\(shown) and \(names.count - 8) more" : shown
  }

  private static func malformed(
    _ code: String, _ what: String, _ place: String, _ why: String, fix: String? = nil
  ) -> Diagnosis {
    Diagnosis(
      code: "checkpoint.\(code)", what: what, place: place, why: why,
      fix: fix ?? "the index is damaged or was written wrongly; fetch it again", status: .malformedInput)
  }
}
