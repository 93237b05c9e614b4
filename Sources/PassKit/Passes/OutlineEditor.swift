import Encodings
import ModelGraph
import ModelIR
import TensorCore

/// A model without its weights: what can be planned before any is read.
public struct ModelOutline: Sendable {
  public fileprivate(set) var graph: ModelGraph
  /// By parameter name; every parameter of the graph has one.
  public fileprivate(set) var encodings: [String: Encoding]

  /// The outline of `model` as it is now, which must verify.
  public init(of model: Model) {
    graph = model.graph
    encodings = model.values.mapValues(\.encoding)
  }

  /// The encoding of one of the graph's parameters.
  public func encoding(of parameter: ParameterDeclaration) -> Encoding {
    guard let encoding = encodings[parameter.name] else {
      preconditionFailure("\(parameter.name) is not a parameter of this graph")
    }
    return encoding
  }

  /// Bytes and weights of all values.
  public var sizes: SizeAccount { SizeAccount(of: graph.parameters, encoding: encoding(of:)) }
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
  }

  /// The pass will leave this graph behind; its parameters must be among the present ones.
  public mutating func replaceGraph(_ graph: ModelGraph) {
    let names = Set(graph.parameters.map(\.name))
    precondition(names.allSatisfy { outline.encodings[$0] != nil }, "a new graph cannot bring new parameters")
    outline.graph = graph
    outline.encodings = outline.encodings.filter { names.contains($0.key) }
  }

  /// A sentence for the user that is worth a line in the report.
  public mutating func note(_ text: String) { notes.append(text) }
}
