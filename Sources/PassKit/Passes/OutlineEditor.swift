import Encodings
import ModelGraph
import ModelIR
import TensorCore

/// A model without its weights: what can be planned before any is read.
public struct ModelOutline: Sendable {
  public fileprivate(set) var graph: ModelGraph
  /// By parameter name; every parameter of the graph has one.
  public fileprivate(set) var encodings: [String: Encoding]
  /// What later passes are asked to do, by parameter name.
  public fileprivate(set) var intents: [String: PlannedIntent]
  /// The sets of experts that tasks use; while a plan is not exact, as many as there will be, of about that size.
  public fileprivate(set) var profiles: [TaskProfile]
  /// The tasks that the calibration texts stand for.
  public let taskNames: [String]

  /// The outline of `model` as it is now, which must verify.
  /// - Parameter taskNames: the tasks that the calibration texts stand for.
  public init(of model: Model, taskNames: [String] = []) {
    self.taskNames = taskNames
    profiles = model.profiles
    graph = model.graph
    encodings = model.values.mapValues(\.encoding)
    intents = model.values.compactMapValues(\.intent).mapValues(PlannedIntent.decided)
  }

  /// The encoding of one of the graph's parameters.
  public func encoding(of parameter: ParameterDeclaration) -> Encoding {
    guard let encoding = encodings[parameter.name] else {
      preconditionFailure("\(parameter.name) is not a parameter of this graph")
    }
    return encoding
  }

  /// Whether the encoding of a parameter is left for a pass to decide.
  public func isOpen(_ parameter: ParameterDeclaration) -> Bool {
    if case .open? = intents[parameter.name] { true } else { false }
  }

  /// Whether every encoding is certain; until a pass that decides by the weights has run, sizes are bounds.
  public fileprivate(set) var isExact = true

  /// Bytes and weights of all values.
  public var sizes: SizeAccount { SizeAccount(of: graph.parameters, encoding: encoding(of:)) }
}

/// An encoding that a later pass is asked to give a parameter.
public enum PlannedIntent: Sendable, Equatable {
  case decided(Encoding)
  /// A pass that looks at the weights will choose; the encoding is the one to plan with.
  case open(Encoding)

  public var encoding: Encoding {
    switch self {
    case .decided(let encoding), .open(let encoding): encoding
    }
  }
}

/// A parameter that a step gives an encoding.
public struct EncodingAssignment: Sendable, Equatable {
  public let parameter: ParameterDeclaration
  public let before: Encoding
  public let after: Encoding

  public var shape: MatrixShape { MatrixShape(dimensions: parameter.dimensions) }
}

/// Through which a pass says what it will do; everything it does is recorded.
public struct OutlineEditor {
  public private(set) var outline: ModelOutline
  private(set) var assignments: [EncodingAssignment] = []
  private(set) var notes: [String] = []

  init(_ outline: ModelOutline) { self.outline = outline }

  /// The pass will give `parameter` this encoding, which must accept its shape.
  public mutating func assign(_ encoding: Encoding, to parameter: ParameterDeclaration) {
    let assignment = EncodingAssignment(
      parameter: parameter, before: outline.encoding(of: parameter), after: encoding)
    precondition(encoding.accepts(assignment.shape), "\(encoding.text) does not accept \(parameter.name)")
    assignments.append(assignment)
    outline.encodings[parameter.name] = encoding
    if case .open? = outline.intents.removeValue(forKey: parameter.name) { outline.isExact = false }
  }

  /// The pass will ask a later one to give `parameter` an encoding.
  public mutating func setIntent(_ intent: PlannedIntent, of parameter: ParameterDeclaration) {
    outline.intents[parameter.name] = intent
  }

  /// What the pass will leave depends on the weights: the encodings assigned are bounds until it has run.
  public mutating func markInexact() { outline.isExact = false }

  /// The pass will leave this graph behind; its parameters must be among the present ones.
  public mutating func replaceGraph(_ graph: ModelGraph) {
    let names = Set(graph.parameters.map(\.name))
    precondition(names.allSatisfy { outline.encodings[$0] != nil }, "a new graph cannot bring new parameters")
    outline.graph = graph
    outline.encodings = outline.encodings.filter { names.contains($0.key) }
    outline.intents = outline.intents.filter { names.contains($0.key) }
  }

  /// The pass will leave these sets of experts for tasks.
  public mutating func setProfiles(_ profiles: [TaskProfile]) { outline.profiles = profiles }

  /// To be called by a pass that takes experts or blocks out: the experts of tasks were chosen for the graph as it is.
  /// - Throws: `PassError.profiledBefore`.
  public func requireNoProfiles() throws(PassError) {
    guard outline.profiles.isEmpty else { throw .profiledBefore(tasks: outline.profiles.map(\.name)) }
  }

  /// A sentence for the user that is worth a line in the report.
  public mutating func note(_ text: String) { notes.append(text) }
}
