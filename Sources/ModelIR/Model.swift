import Encodings
import ModelGraph
import TensorCore

/// A model on the compile side: the graph, a value for each of its parameters, and what travels along into the pack.
public struct Model: Sendable {
  public var graph: ModelGraph
  /// Values by parameter name; iterate `graph.parameters` for an order.
  public var values: [String: ParameterValue]
  public var companions: Companions
  public let source: Source
  /// The sets of experts that tasks use; none where every text uses all.
  public var profiles: [TaskProfile] = []

  public init(graph: ModelGraph, values: [String: ParameterValue], companions: Companions, source: Source) {
    self.graph = graph
    self.values = values
    self.companions = companions
    self.source = source
  }

  /// Checks that graph, values and profiles belong together.
  /// - Throws: `ModelError` naming the first parameter without a value, with bytes of the wrong count, in an encoding that does
  ///   not accept its shape, the first value without a parameter, or the first profile of another graph; `GraphError` when
  ///   the graph itself is wrong.
  public func verify() throws {
    try graph.verify()
    for parameter in graph.parameters {
      guard let value = values[parameter.name] else { throw ModelError.valueMissing(parameter: parameter.name) }
      let shape = MatrixShape(dimensions: parameter.dimensions)
      guard value.encoding.accepts(shape) else {
        throw ModelError.encodingRefusesShape(parameter: parameter.name, encoding: value.encoding, shape: shape)
      }
      let expected = value.encoding.byteCount(of: shape)
      guard value.storage.byteCount == expected else {
        throw ModelError.wrongByteCount(parameter: parameter.name, expected: expected, found: value.storage.byteCount)
      }
    }
    if values.count != graph.parameters.count {
      let declared = Set(graph.parameters.map(\.name))
      let stray = values.keys.filter { !declared.contains($0) }.sorted().first ?? ""
      throw ModelError.parameterMissing(value: stray)
    }
    let signatureCount = graph.mixtures.first?.mixture.expertCount
    for profile in profiles {
      guard graph.fault(inKeeping: profile.experts) == nil, profile.signature.count == signatureCount else {
        throw ModelError.profileOfOtherGraph(task: profile.name)
      }
    }
  }
}

/// Where a model came from.
public struct Source: Sendable {
  /// A file that was read, with its bytes for the digest.
  public struct File: Sendable {
    public let name: String
    public let storage: any ByteStorage
    public init(name: String, storage: any ByteStorage) {
      self.name = name
      self.storage = storage
    }
  }

  /// Every file that went into the model, in a fixed order.
  public let files: [File]

  public init(files: [File]) { self.files = files }
}
