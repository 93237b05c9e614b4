/// Everything that goes into a pack before its weights, known before any weight is read.
public struct PackContents: Sendable, Equatable {
  public var manifest: PackManifest
  /// The text form of the computation.
  public var graphText: String
  /// Serialized tokenizer tables; nil when the checkpoint has no tokenizer.
  public var tokenizer: [UInt8]?
  public var chatTemplate: String?

  public init(manifest: PackManifest, graphText: String, tokenizer: [UInt8]? = nil, chatTemplate: String? = nil) {
    self.manifest = manifest
    self.graphText = graphText
    self.tokenizer = tokenizer
    self.chatTemplate = chatTemplate
  }
}
