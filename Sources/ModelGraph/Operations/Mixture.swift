/// A mixture of gated feed-forward experts: a router picks `activeCount` of `expertCount` per token.
///
/// Router probabilities are a softmax over all experts; the largest `activeCount` are the gates, divided by their sum
/// when `normalizesGates`. An expert computes down · (f(gate · x) ⊙ (up · x)). The result is the gate-weighted sum, plus
/// the shared expert's output (scaled by sigmoid(sharedRouter · x) where there is a shared router) if there is one.
public struct Mixture: Hashable, Sendable {
  public let input: ValueID
  /// Parameter (expertCount, width).
  public let router: String
  /// Expert e's parameters are `experts.e.gate`, `.up` (expertWidth, width) and `.down` (width, expertWidth).
  public let experts: String
  public let expertCount: Int
  public let activeCount: Int
  public let expertWidth: Int
  public let normalizesGates: Bool
  public let function: ActivationFunction
  public let shared: SharedExpert?
  public init(
    input: ValueID, router: String, experts: String, expertCount: Int, activeCount: Int, expertWidth: Int,
    normalizesGates: Bool, function: ActivationFunction, shared: SharedExpert?
  ) {
    self.input = input
    self.router = router
    self.experts = experts
    self.expertCount = expertCount
    self.activeCount = activeCount
    self.expertWidth = expertWidth
    self.normalizesGates = normalizesGates
    self.function = function
    self.shared = shared
  }

  /// Parameter names of expert `index`.
  public func gate(_ index: Int) -> String { "\(experts).\(index).gate" }
  public func up(_ index: Int) -> String { "\(experts).\(index).up" }
  public func down(_ index: Int) -> String { "\(experts).\(index).down" }
}

/// The expert every token visits: parameters `name.gate`, `.up` (width, inputs) and `.down`.
public struct SharedExpert: Hashable, Sendable {
  public let name: String
  public let width: Int
  /// Parameter (1, inputs) whose sigmoid scales the output, if any.
  public let router: String?
  public init(name: String, width: Int, router: String?) {
    self.name = name
    self.width = width
    self.router = router
  }

  public var gate: String { "\(name).gate" }
  public var up: String { "\(name).up" }
  public var down: String { "\(name).down" }
}

extension Mixture: GraphOperation {
  public static let mnemonic = "mixture"

  public var operands: [ValueID] { [input] }

  public func parameterUses(operandTypes: [ValueType], vocabularyCount: Int) throws(GraphError) -> [ParameterUse] {
    let width = try operandTypes[0].activation("operand").width
    var uses = [ParameterUse(name: router, dimensions: [expertCount, width])]
    for expert in 0..<expertCount {
      uses.append(ParameterUse(name: gate(expert), dimensions: [expertWidth, width]))
      uses.append(ParameterUse(name: up(expert), dimensions: [expertWidth, width]))
      uses.append(ParameterUse(name: down(expert), dimensions: [width, expertWidth]))
    }
    if let shared {
      uses.append(ParameterUse(name: shared.gate, dimensions: [shared.width, width]))
      uses.append(ParameterUse(name: shared.up, dimensions: [shared.width, width]))
      uses.append(ParameterUse(name: shared.down, dimensions: [width, shared.width]))
      if let router = shared.router { uses.append(ParameterUse(name: router, dimensions: [1, width])) }
    }
    return uses
  }

  public func resultType(operandTypes: [ValueType]) throws(GraphError) -> ValueType {
    _ = try operandTypes[0].activation("operand")
    try requireAttribute("count", expertCount, in: 1...GraphLimits.expertCount)
    try requireAttribute("active", activeCount, in: 1...expertCount)
    try requireAttribute("width", expertWidth, in: 1...GraphLimits.dimension)
    if let shared { try requireAttribute("shared_width", shared.width, in: 1...GraphLimits.dimension) }
    return operandTypes[0]
  }

  public func printFields(into fields: inout FieldPrinter) {
    fields.parameter("router", router)
    fields.parameter("experts", experts)
    fields.integer("count", expertCount)
    fields.integer("active", activeCount)
    fields.integer("width", expertWidth)
    fields.flag("normalizes", normalizesGates)
    fields.word("function", function.rawValue)
    guard let shared else { return }
    fields.parameter("shared", shared.name)
    fields.integer("shared_width", shared.width)
    if let router = shared.router { fields.parameter("shared_router", router) }
  }

  public init(operands: [ValueID], fields: inout FieldParser) throws(GraphError) {
    try fields.requireOperands(operands, count: 1)
    self.init(
      input: operands[0], router: try fields.parameter("router"), experts: try fields.parameter("experts"),
      expertCount: try fields.integer("count"), activeCount: try fields.integer("active"),
      expertWidth: try fields.integer("width"), normalizesGates: try fields.flag("normalizes"),
      function: try fields.activationFunction("function"), shared: try SharedExpert(fields: &fields))
  }
}

extension SharedExpert {
  /// Nil when the fields name no shared expert.
  fileprivate init?(fields: inout FieldParser) throws(GraphError) {
    guard let name = try fields.parameterIfPresent("shared") else { return nil }
    self.init(
      name: name, width: try fields.integer("shared_width"), router: try fields.parameterIfPresent("shared_router"))
  }
}
