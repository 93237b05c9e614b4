import Encodings
import TensorCore

/// What a pack says about itself; everything in it is known before any weight is read (docs/format.md §3.1, where the
/// valid range of each field stands).
public struct PackManifest: Sendable, Equatable {
  /// What wrote the file, such as `swage 0.1.0`.
  public var toolVersion: String
  /// For people; nothing depends on it.
  public var architecture: String
  /// Token ids are less than this.
  public var vocabularyCount: Int
  /// Longest sequence the model was made for, in tokens.
  public var contextLength: Int
  /// The beginning-of-sequence token.
  public var beginningID: Int?
  /// Tokens that end a generation.
  public var endIDs: [Int]
  public var generation: GenerationDefaults
  /// The pass list in canonical print; empty for the identity.
  public var passList: String
  /// Every parameter, in the order they are written.
  public var parameters: [PackParameter]
  /// The files of the checkpoint.
  public var sources: [PackSource]
  /// The sets of experts that tasks use; none where every text uses all.
  public var tasks: [PackTask]

  public init(
    toolVersion: String, architecture: String, vocabularyCount: Int, contextLength: Int, beginningID: Int? = nil,
    endIDs: [Int] = [], generation: GenerationDefaults = GenerationDefaults(), passList: String = "",
    parameters: [PackParameter], sources: [PackSource] = [], tasks: [PackTask] = []
  ) {
    self.toolVersion = toolVersion
    self.architecture = architecture
    self.vocabularyCount = vocabularyCount
    self.contextLength = contextLength
    self.beginningID = beginningID
    self.endIDs = endIDs
    self.generation = generation
    self.passList = passList
    self.parameters = parameters
    self.sources = sources
    self.tasks = tasks
  }
}

/// One parameter as the manifest describes it.
public struct PackParameter: Sendable, Hashable {
  /// The name the graph uses.
  public let name: String
  /// What it is for; a word that figures are grouped by.
  public let role: String
  /// Row-major; a matrix is (outputCount, inputCount).
  public let dimensions: [Int]
  public let encoding: Encoding
  /// Element type in the checkpoint.
  public let originalType: ElementType

  public init(name: String, role: String, dimensions: [Int], encoding: Encoding, originalType: ElementType) {
    self.name = name
    self.role = role
    self.dimensions = dimensions
    self.encoding = encoding
    self.originalType = originalType
  }

  public var shape: MatrixShape { MatrixShape(dimensions: dimensions) }

  /// Bytes of the encoded value. The dimensions must be valid.
  public var byteCount: Int { encoding.byteCount(of: shape) }
}

/// A file of the checkpoint a pack was made from.
public struct PackSource: Sendable, Hashable {
  /// Without any folder.
  public let name: String
  public let byteCount: Int

  public init(name: String, byteCount: Int) {
    self.name = name
    self.byteCount = byteCount
  }
}

/// A task and the experts it uses, out of those that the pack holds.
public struct PackTask: Sendable, Hashable {
  public let name: String
  /// For each mixture of the graph, the indices of the experts, ascending.
  public let experts: [[Int]]
  /// For each expert of the first mixture, the mean of the router's probability over the task's tokens.
  public let signature: [Float]

  public init(name: String, experts: [[Int]], signature: [Float]) {
    self.name = name
    self.experts = experts
    self.signature = signature
  }
}

/// What a checkpoint recommends for sampling; nil where it says nothing.
public struct GenerationDefaults: Sendable, Hashable {
  public var temperature: Double?
  public var topK: Int?
  public var topP: Double?
  public var minP: Double?
  public var repetitionPenalty: Double?
  /// False asks for greedy decoding.
  public var samples: Bool?

  public init(
    temperature: Double? = nil, topK: Int? = nil, topP: Double? = nil, minP: Double? = nil,
    repetitionPenalty: Double? = nil, samples: Bool? = nil
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
    self.samples = samples
  }
}

/// A SHA-256 digest.
public struct SHA256Digest: Sendable, Hashable {
  public static let byteCount = 32

  public let bytes: [UInt8]

  /// - Parameter bytes: exactly 32.
  public init(bytes: [UInt8]) {
    precondition(bytes.count == Self.byteCount)
    self.bytes = bytes
  }
}
