import Diagnostics
import Encodings
import ForeignFormats
import ModelGraph
import ModelIR
import PackFormat
import PassKit
import TensorCore

/// How a model becomes the contents of a pack.
enum PackAssembly {
  /// Everything that stands in the pack before the weights. Plan and compile both make it here, so they cannot disagree
  /// on the file's size.
  /// - Parameters:
  ///   - model: the original.
  ///   - encodings: the model to be written.
  static func contents(of model: Model, encodings: ModelOutline, passList: PassList) -> PackContents {
    let graph = encodings.graph
    let companions = model.companions
    let parameters = graph.parameters.map { parameter in
      PackParameter(
        name: parameter.name, role: parameter.role.rawValue, dimensions: parameter.dimensions,
        encoding: encodings.encoding(of: parameter), originalType: originalType(of: parameter.name, in: model))
    }
    let manifest = PackManifest(
      toolVersion: "swage \(ToolVersion.text)", architecture: graph.architecture,
      vocabularyCount: graph.vocabularyCount,
      contextLength: graph.contextLength, beginningID: companions.beginningOfSequenceID,
      endIDs: companions.endOfSequenceIDs, generation: GenerationDefaults(companions.sampling),
      passList: passList.steps.isEmpty ? "" : passList.withoutFolders.printed, parameters: parameters,
      sources: model.source.files.map { PackSource(name: $0.name, byteCount: $0.storage.byteCount) },
      tasks: encodings.profiles.map { PackTask(name: $0.name, experts: $0.experts, signature: $0.signature) })
    return PackContents(
      manifest: manifest, graphText: graph.text, tokenizer: companions.tokenizer?.serialized(),
      chatTemplate: companions.chatTemplate)
  }

  /// The SHA-256 digest of every source file, reading each once and dropping its pages on the way.
  static func digests(of source: Source) -> [SHA256Digest] {
    source.files.map(digest)
  }

  private static func digest(of file: Source.File) -> SHA256Digest {
    var hash = SHA256()
    file.storage.forEachChunk(of: 0..<file.storage.byteCount) { hash.update($0) }
    return SHA256Digest(bytes: hash.finish())
  }

  private static func originalType(of name: String, in model: Model) -> ElementType {
    guard case .dense(let type)? = model.values[name]?.encoding else { return .f32 }
    return type
  }
}

extension GenerationDefaults {
  init(_ advice: SamplingAdvice) {
    self.init(
      temperature: advice.temperature, topK: advice.topK, topP: advice.topP, minP: advice.minP,
      repetitionPenalty: advice.repetitionPenalty, samples: advice.samples)
  }
}
