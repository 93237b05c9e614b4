/// A mixture of feed-forward experts: a router picks `activeCount` of `expertCount` per token.
///
/// Router probabilities are a softmax over all experts; the largest `activeCount` are the gates, divided by their sum
/// when `normalizesGates`. An expert computes down · (f(gate · x) ⊙ (up · x)), or down · f(up · x) where experts have no
/// gate. Every token reaches its experts, however many an expert gets. The result is the gate-weighted sum, plus the
/// shared expert's output (scaled by sigmoid(sharedRouter · x) where there is a shared router) if there is one.
public struct Mixture: Hashable, Sendable {
  public let input: ValueID
  /// Parameter (expertCount, width).
  public let router: String
  /// Expert e's parameters are `experts.n.gate` (where it is gated), `.up` (expertWidth, width) and `.down` (width,
  /// expertWidth), n its number.
  public let experts: String
  public let expertCount: Int
  /// The numbers in the names of the experts, ascending, where some are gone; nil for 0 ..< expertCount.
  public let numbers: [Int]?
  public let activeCount: Int
  public let expertWidth: Int
  public let normalizesGates: Bool
  public let function: ActivationFunction
  /// Whether experts have a gate; the shared expert always has.
  public let isGated: Bool
  /// Experts that a token may do without, where the graph is run so.
  public var skipping: ExpertSkipping?
  public let shared: SharedExpert?

  public init(
    input: ValueID, router: String, experts: String, expertCount: Int, numbers: [Int]? = nil, activeCount: Int,
    expertWidth: Int, normalizesGates: Bool, function: ActivationFunction, isGated: Bool = true,
    skipping: ExpertSkipping? = nil, shared: SharedExpert?
  ) {
    self.input = input
    self.router = router
    self.experts = experts
    self.expertCount = expertCount
    self.numbers = numbers.flatMap { $0.elementsEqual(0..<$0.count) ? nil : $0 }
    self.activeCount = activeCount
    self.expertWidth = expertWidth
    self.normalizesGates = normalizesGates
    self.function = function
    self.isGated = isGated
    self.skipping = skipping
    self.shared = shared
  }

  /// The number in the names of expert `index`.
  public func number(_ index: Int) -> Int { numbers?[index] ?? index }

  /// Parameter names of expert `index`.
  public func gate(_ index: Int) -> String { "\(experts).\(number(index)).gate" }
  public func up(_ index: Int) -> String { "\(experts).\(number(index)).up" }
  public func down(_ index: Int) -> String { "\(experts).\(number(index)).down" }

  /// The parameters of expert `index` that read the mixture's input.
  public func inputMatrices(_ index: Int) -> [String] { isGated ? [gate(index), up(index)] : [up(index)] }
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
      uses += inputMatrices(expert).map { ParameterUse(name: $0, dimensions: [expertWidth, width]) }
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
    if let numbers, numbers.count != expertCount {
      throw .attribute("numbers", NumberRuns.text(numbers), "must name \(expertCount) experts")
    }
    try requireAttribute("active", activeCount, in: 1...expertCount)
    try requireAttribute("width", expertWidth, in: 1...GraphLimits.dimension)
    try skipping?.requireSense()
    if let shared { try requireAttribute("shared_width", shared.width, in: 1...GraphLimits.dimension) }
    return operandTypes[0]
  }

  public func printFields(into fields: inout FieldPrinter) {
    fields.parameter("router", router)
    fields.parameter("experts", experts)
    fields.integer("count", expertCount)
    if let numbers { fields.word("numbers", NumberRuns.text(numbers)) }
    fields.integer("active", activeCount)
    fields.integer("width", expertWidth)
    fields.flag("normalizes", normalizesGates)
    fields.word("function", function.rawValue)
    if !isGated { fields.flag("gated", false) }
    skipping?.printFields(into: &fields)
    guard let shared else { return }
    fields.parameter("shared", shared.name)
    fields.integer("shared_width", shared.width)
    if let router = shared.router { fields.parameter("shared_router", router) }
  }

  public init(operands: [ValueID], fields: inout FieldParser) throws(GraphError) {
    try fields.requireOperands(operands, count: 1)
    self.init(
      input: operands[0], router: try fields.parameter("router"), experts: try fields.parameter("experts"),
      expertCount: try fields.integer("count"), numbers: try fields.numbersIfPresent("numbers"),
      activeCount: try fields.integer("active"), expertWidth: try fields.integer("width"),
      normalizesGates: try fields.flag("normalizes"), function: try fields.activationFunction("function"),
      isGated: !(try fields.takesFalse("gated")),
      skipping: try ExpertSkipping(fields: &fields), shared: try SharedExpert(fields: &fields))
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
