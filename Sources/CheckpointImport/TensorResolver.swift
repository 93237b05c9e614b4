import Encodings
import ModelGraph
import ModelIR
import TensorCore

/// Finds the tensors of parameters in a checkpoint. Nothing is copied: values are ranges of the mapped files.
struct TensorResolver {
  private let checkpoint: SafetensorsCheckpoint
  private var used: Set<String> = []

  /// - Throws: `CheckpointError.foreignTensor` when some tensor shows that the others are not plain weights.
  init(_ checkpoint: SafetensorsCheckpoint) throws {
    self.checkpoint = checkpoint
    for name in checkpoint.tensorNames {
      guard let feature = Self.foreignFeature(name) else { continue }
      throw CheckpointError.foreignTensor(name, feature: feature, folder: checkpoint.folder)
    }
  }

  /// A value for every parameter of `blueprint`.
  /// - Throws: `CheckpointError` when a tensor is missing or has the wrong shape, `SafetensorsError` when its type is
  ///   not one of those weights are read in.
  mutating func values(of blueprint: Blueprint) throws -> [String: ParameterValue] {
    var values = [String: ParameterValue](minimumCapacity: blueprint.graph.parameters.count)
    for parameter in blueprint.graph.parameters {
      values[parameter.name] = try value(of: parameter, from: blueprint.sources[parameter.name]?.candidates ?? [])
    }
    return values
  }

  private mutating func value(of parameter: ParameterDeclaration, from places: [TensorPlace]) throws -> ParameterValue {
    for place in places {
      guard let entry = checkpoint.entry(named: place.tensorName) else { continue }
      let expected = if case .part(_, let dimensions, _) = place { dimensions } else { parameter.dimensions }
      guard entry.dimensions == expected else {
        throw CheckpointError.wrongDimensions(
          tensor: entry.name, expected: expected, found: entry.dimensions, folder: checkpoint.folder)
      }
      guard let tensor = try checkpoint.tensor(named: entry.name) else { continue }
      used.insert(entry.name)
      var storage = tensor.storage
      if case .part(_, _, let offset) = place {
        let size = tensor.elementType.byteCount
        let start = offset * size
        storage = ByteSlice(storage, start..<start + parameter.dimensions.reduce(size, *))
      }
      return ParameterValue(encoding: .dense(tensor.elementType), storage: storage)
    }
    throw CheckpointError.tensorMissing(
      names: places.map(\.tensorName), parameter: parameter.name, dimensions: parameter.dimensions,
      folder: checkpoint.folder)
  }

  /// What to say about tensors that no parameter used.
  func notes(_ graph: ModelGraph) -> [String] {
    var notes: [String] = []
    var unknown = checkpoint.tensorNames.filter { !used.contains($0) && !Self.isHarmless($0) }
    if graph.isTied, let head = unknown.firstIndex(of: "lm_head.weight") {
      unknown.remove(at: head)
      notes.append("`lm_head.weight` is left out: config.json ties the head to the embedding")
    }
    if !unknown.isEmpty {
      let shown = unknown.prefix(3).map { "`\($0)`" }.joined(separator: ", ")
      let rest = unknown.count > 3 ? " and \(unknown.count - 3) more" : ""
      notes.append("not used by the architecture \(graph.architecture) and left out: \(shown)\(rest)")
    }
    return notes
  }

  /// Tables that older releases stored although they follow from the configuration.
  private static func isHarmless(_ name: String) -> Bool {
    [".rotary_emb.inv_freq", ".rotary_emb.cos_cached", ".rotary_emb.sin_cached", ".attn.masked_bias"]
      .contains { name.hasSuffix($0) }
  }

  private static func foreignFeature(_ name: String) -> String? {
    if name.contains(".lora_") { return "a low-rank adapter" }
    for (endings, feature) in [
      ([".weight_g", ".weight_v"], "normalised weights in two parts"),
      ([".num_batches_tracked"], "batch normalisation"),
      ([".qweight", ".qzeros", ".g_idx", ".weight_packed", ".weight_scale", ".weight_scale_inv"], "quantized weights"),
    ] where endings.contains(where: name.hasSuffix) {
      return feature
    }
    return nil
  }
}
