extension ModelGraph {
  /// Checks everything that operations, passes and the runtime rely on.
  ///
  /// Names are well-formed and unique, sizes within ``GraphLimits``, values assigned once in increasing order and
  /// before they are used, operand types right, parameters declared in the order of first use with the dimensions that every
  /// use needs and none besides, and the last statement is a head over the vocabulary.
  /// - Throws: the first rule that is broken.
  public func verify() throws(GraphError) {
    try verifyHeader()
    try verifyDeclarations()
    var walk = try ParameterWalk(parameters)
    var table = try TypeTable(inputs: inputs)
    var blockNames: Set<String> = []
    for block in blocks {
      try block.name.requireName()
      guard blockNames.insert(block.name).inserted else { throw .duplicateBlock(block.name) }
      guard !block.statements.isEmpty else { throw .emptyBlock(block.name) }
      for statement in block.statements {
        let place = statement.place(inBlock: block.name)
        try requireRange(statement.result.index, 0...GraphLimits.dimension, "number", of: "\(place)")
        let operands = try table.operandTypes(of: statement, inBlock: block.name)
        if case .activation(_, let width) = try table.assign(statement, inBlock: block.name) {
          try requireRange(width, 1...GraphLimits.dimension, "width", of: "\(place)")
        }
        let uses: [ParameterUse]
        do {
          uses = try statement.operation.parameterUses(operandTypes: operands, vocabularyCount: vocabularyCount)
        } catch { throw error.placed(at: place) }
        try walk.visit(uses, at: place)
      }
    }
    try walk.finish()
    try verifyLogits()
  }

  private func verifyHeader() throws(GraphError) {
    try architecture.requireName()
    try requireRange(vocabularyCount, 1...GraphLimits.dimension, "vocabulary", of: "the graph")
    try requireRange(contextLength, 1...GraphLimits.dimension, "context", of: "the graph")
    for input in inputs { try input.sequence.requireName() }
  }

  private func verifyDeclarations() throws(GraphError) {
    guard parameters.count <= GraphLimits.parameterCount else {
      throw .tooMany("parameters", limit: GraphLimits.parameterCount)
    }
    for parameter in parameters {
      try parameter.name.requireName()
      try requireRange(parameter.dimensions.count, 1...2, "rank", of: "parameter \(parameter.name)")
      var product = 1
      for dimension in parameter.dimensions {
        try requireRange(dimension, 1...GraphLimits.dimension, "dimension", of: "parameter \(parameter.name)")
        product *= dimension
      }
      guard product <= GraphLimits.elementCount else {
        throw .elementCount(parameter: parameter.name, dimensions: parameter.dimensions)
      }
    }
  }

  private func verifyLogits() throws(GraphError) {
    guard let last = blocks.last?.statements.last else { throw .notLogits("there are no statements") }
    guard let head = last.operation as? Head else { throw .notLogits("it is a \(type(of: last.operation).mnemonic)") }
    guard head.vocabularyCount == vocabularyCount else {
      throw .notLogits("it has \(head.vocabularyCount) rows of \(vocabularyCount)")
    }
  }

  private func requireRange(
    _ value: Int, _ allowed: ClosedRange<Int>, _ quantity: String, of owner: @autoclosure () -> String
  ) throws(GraphError) {
    guard allowed.contains(value) else {
      throw .outOfRange(quantity: quantity, of: owner(), value: value, allowed: allowed)
    }
  }
}

/// Holds the uses of parameters against their declarations.
private struct ParameterWalk {
  private let parameters: [ParameterDeclaration]
  private var positions: [String: Int]
  /// Declarations before this one have been used.
  private var next = 0
  private var useCount = 0

  init(_ parameters: [ParameterDeclaration]) throws(GraphError) {
    self.parameters = parameters
    positions = [String: Int](minimumCapacity: parameters.count)
    for (position, parameter) in parameters.enumerated() {
      guard positions.updateValue(position, forKey: parameter.name) == nil else {
        throw .duplicateParameter(parameter.name)
      }
    }
  }

  mutating func visit(_ uses: [ParameterUse], at place: StatementPlace) throws(GraphError) {
    useCount += uses.count
    guard useCount <= GraphLimits.parameterUseCount else {
      throw .tooMany("uses of parameters", limit: GraphLimits.parameterUseCount)
    }
    for use in uses {
      guard let position = positions[use.name] else { throw .undeclaredParameter(use.name, statement: place) }
      let declared = parameters[position]
      guard declared.dimensions == use.dimensions else {
        throw .parameterDimensions(
          use.name, declared: declared.dimensions, used: use.dimensions, statement: place)
      }
      guard position <= next else { throw .parameterOrder(found: parameters[next].name, expected: use.name) }
      if position == next { next += 1 }
    }
  }

  func finish() throws(GraphError) {
    guard next == parameters.count else { throw .unusedParameter(parameters[next].name) }
  }
}

extension String {
  /// - Throws: unless this is a well-formed name.
  func requireName() throws(GraphError) {
    guard utf8.count <= GraphLimits.nameByteCount else { throw .malformedName(self) }
    var isAtPartStart = true
    for byte in utf8 {
      if byte == UInt8(ascii: ".") {
        guard !isAtPartStart else { throw .malformedName(self) }
        isAtPartStart = true
      } else {
        guard byte.isNamePart else { throw .malformedName(self) }
        isAtPartStart = false
      }
    }
    guard !isAtPartStart else { throw .malformedName(self) }
  }
}

extension UInt8 {
  /// An ASCII letter, a digit, `_` or `-`.
  var isNamePart: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
