import Encodings
import ModelGraph
import ModelIR
import TensorCore

/// Keeps what a run has done so far, so that a killed one can go on where it stopped, with the same result.
///
/// A run is a sequence of units: the survey of a step, a pass over the whole model, or one block of a sweep.
public protocol RunJournal: AnyObject {
  /// What the run did in `unit` when it was begun before; nil for the first unit that was not done, and from then on.
  ///
  /// Units are asked for in the order of the run.
  func record(of unit: String) throws -> UnitRecord?

  /// Keeps what the run just did.
  func append(_ record: UnitRecord) throws
}

/// What one unit of a run changed.
public struct UnitRecord: Sendable {
  /// Names the unit; unique within a run.
  public let unit: String
  /// The graph it left, where it left another.
  public var graph: ModelGraph?
  /// The sets of experts for tasks it left, where it left others.
  public var profiles: [TaskProfile]?
  /// The values it changed, in the order of the graph it left.
  public var values: [ValueChange]
  /// Its share of the figures of the steps it belongs to, in their order.
  public var figures: [StepFigures]
  /// Bytes of old values it dealt with.
  public var doneByteCount: Int

  public init(
    unit: String, graph: ModelGraph?, profiles: [TaskProfile]? = nil, values: [ValueChange], figures: [StepFigures],
    doneByteCount: Int
  ) {
    self.unit = unit
    self.graph = graph
    self.profiles = profiles
    self.values = values
    self.figures = figures
    self.doneByteCount = doneByteCount
  }
}

/// A value as a unit left it.
public struct ValueChange: Sendable {
  public let parameter: String
  /// Its bytes as the run's store keeps them, nil where only the intent is another.
  public let storage: (any ByteStorage)?
  public let encoding: Encoding
  public let history: [String]
  public let intent: Encoding?

  public init(
    parameter: String, storage: (any ByteStorage)?, encoding: Encoding, history: [String], intent: Encoding?
  ) {
    self.parameter = parameter
    self.storage = storage
    self.encoding = encoding
    self.history = history
    self.intent = intent
  }
}
