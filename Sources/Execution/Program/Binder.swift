import ModelGraph
import TensorCore

/// Gives the values of a graph their buffers and its operations their parameters, while the program is walked in order.
///
/// A buffer is free again after the last statement that reads its value, and an operation may compute in place of an
/// operand that is not read again.
struct Binder {
  let vocabularyCount: Int
  private let source: any OperatorSource
  private let types: [ValueID: ValueType]
  private let lastUses: [ValueID: Int]
  private let sourceSequence: String?
  private var buffers: [ValueID: ActivationBuffer] = [:]
  private var free: [Int: [ActivationBuffer]] = [:]
  private var linears: [String: any LinearOperator] = [:]
  private var ropeTables: [RopeTable.Key: RopeTable] = [:]
  /// Name of the block being bound.
  var blockName = ""
  /// Number of the statement being bound.
  private var now = 0
  /// Buffers to free after the statement being bound.
  private var temporaries: [ActivationBuffer] = []
  /// Operands of the statement being bound whose buffer its result took over.
  private var overwritten: Set<ValueID> = []

  /// Widths of keys and values for each attention bound so far that looks back, in order.
  private(set) var cacheWidths: [Int] = []
  /// Cross attentions bound so far.
  private(set) var crossCount = 0
  /// Steps bound since they were last taken.
  private var steps: [any Step] = []
  private var sourceSteps: [any Step] = []

  /// - Parameter graph: one that verifies.
  init(_ graph: ModelGraph, source: any OperatorSource) throws {
    vocabularyCount = graph.vocabularyCount
    self.source = source
    sourceSequence = graph.sourceSequence
    types = try graph.types()
    var lastUses: [ValueID: Int] = [:]
    for (number, statement) in graph.blocks.lazy.flatMap(\.statements).enumerated() {
      for operand in statement.operation.operands { lastUses[operand] = number }
    }
    self.lastUses = lastUses
  }

  /// Binds `statement`, the next one of the program.
  mutating func bind(_ statement: Statement, _ operation: any ExecutableOperation) throws {
    let step = try operation.bind(result: statement.result, &self)
    if isOfSource(statement.result) { sourceSteps.append(step) } else { steps.append(step) }
    for operand in Set(operation.operands) where lastUses[operand] == now && !overwritten.contains(operand) {
      if let buffer = buffers[operand] { free[buffer.width, default: []].append(buffer) }
    }
    for buffer in temporaries { free[buffer.width, default: []].append(buffer) }
    if lastUses[statement.result] == nil, let buffer = buffers[statement.result] {
      free[buffer.width, default: []].append(buffer)
    }
    temporaries = []
    overwritten = []
    now += 1
  }

  /// The steps bound since the last call: those that run once on the source, and the others.
  mutating func takeSteps() -> (source: [any Step], other: [any Step]) {
    defer { (sourceSteps, steps) = ([], []) }
    return (sourceSteps, steps)
  }

  /// Whether a value has a row for each token of the source.
  func isOfSource(_ value: ValueID) -> Bool {
    guard let sourceSequence, case .activation(sourceSequence, _)? = types[value] else { return false }
    return true
  }

  /// Elements per token of an activation.
  func width(of value: ValueID) -> Int {
    guard case .activation(_, let width)? = types[value] else {
      preconditionFailure("%\(value.index) is not an activation")
    }
    return width
  }

  /// Where an activation computed before is found.
  func buffer(of value: ValueID) -> ActivationBuffer {
    guard let buffer = buffers[value] else { preconditionFailure("%\(value.index) has not been computed") }
    return buffer
  }

  /// The buffer of an activation, which nothing has computed where its block is skipped.
  mutating func room(for value: ValueID) -> ActivationBuffer {
    if let known = buffers[value] { return known }
    let buffer = take(width(of: value))
    buffers[value] = buffer
    return buffer
  }

  /// Goes past the statements of `block` without binding them.
  mutating func skip(_ block: Block) { now += block.statements.count }

  /// Where to put the result of the statement being bound.
  /// - Parameter overwriting: operands it may be computed in place of, the preferred one first.
  mutating func result(_ value: ValueID, overwriting candidates: [ValueID] = []) -> ActivationBuffer {
    let buffer: ActivationBuffer
    if let operand = candidates.first(where: { lastUses[$0] == now && width(of: $0) == width(of: value) }) {
      overwritten.insert(operand)
      buffer = self.buffer(of: operand)
    } else {
      buffer = take(width(of: value))
    }
    buffers[value] = buffer
    return buffer
  }

  /// Room that only the statement being bound uses.
  mutating func temporary(width: Int) -> ActivationBuffer {
    let buffer = take(width)
    temporaries.append(buffer)
    return buffer
  }

  private mutating func take(_ width: Int) -> ActivationBuffer {
    free[width]?.popLast() ?? ActivationBuffer(width: width)
  }

  /// The matrix called `name`, bound once however often it is used.
  mutating func linear(_ name: String, outputCount: Int, inputCount: Int) throws -> any LinearOperator {
    if let known = linears[name] { return known }
    let linear = try source.linear(name)
    try linear.requireShape(name, outputCount: outputCount, inputCount: inputCount)
    linears[name] = linear
    return linear
  }

  func vector(_ name: String, count: Int) throws -> [Float] {
    let vector = try source.vector(name)
    guard vector.count == count else {
      throw ExecutionError.parameterDimensions(name: name, expected: [count], found: [vector.count])
    }
    return vector
  }

  func experts(of mixture: Mixture) throws -> any ExpertOperators { try source.experts(of: mixture) }

  /// The angles of `rope`, shared by all operations that turn alike.
  mutating func ropeTable(for rope: Rope) -> RopeTable {
    let key = RopeTable.Key(headWidth: rope.headWidth, base: rope.base, scaling: rope.scaling)
    if let known = ropeTables[key] { return known }
    let table = RopeTable(key)
    ropeTables[key] = table
    return table
  }

  /// The number of a new entry of the cache for the source's `key` and `value`, which are put there once they are known.
  mutating func sourceEntry(key: ValueID, value: ValueID) -> Int {
    sourceSteps.append(KeepSourceStep(entry: crossCount, key: buffer(of: key), value: buffer(of: value)))
    crossCount += 1
    return crossCount - 1
  }

  /// The number of a new entry of the cache, for keys and values of `width`.
  mutating func cacheEntry(width: Int) -> Int {
    cacheWidths.append(width)
    return cacheWidths.count - 1
  }
}

/// An operation that has a step.
protocol ExecutableOperation: GraphOperation {
  func bind(result: ValueID, _ binder: inout Binder) throws -> any Step
}

extension LinearOperator {
  func requireShape(_ name: @autoclosure () -> String, outputCount: Int, inputCount: Int) throws(ExecutionError) {
    guard shape.outputCount == outputCount, shape.inputCount == inputCount else {
      throw .parameterDimensions(
        name: name(), expected: [outputCount, inputCount], found: [shape.outputCount, shape.inputCount])
    }
  }
}
