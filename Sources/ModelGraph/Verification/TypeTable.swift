/// The types of the values assigned so far, while walking a program in order.
struct TypeTable {
  private(set) var types: [ValueID: ValueType] = [:]
  private(set) var last: ValueID

  /// - Throws: when there are no inputs, or they are not numbered from 0.
  init(inputs: [GraphInput]) throws(GraphError) {
    guard let final = inputs.last else { throw .noInput }
    for (number, input) in inputs.enumerated() {
      guard input.value.index == number else { throw .inputNumber(found: input.value, expected: ValueID(number)) }
      types[input.value] = .ids(sequence: input.sequence)
    }
    last = final.value
  }

  /// The types of the values `statement` reads.
  func operandTypes(of statement: Statement, inBlock block: String) throws(GraphError) -> [ValueType] {
    var result: [ValueType] = []
    for operand in statement.operation.operands {
      guard let type = types[operand] else {
        throw .undefinedOperand(operand, statement: statement.place(inBlock: block))
      }
      result.append(type)
    }
    return result
  }

  /// Derives and records the type of what `statement` computes.
  /// - Throws: when the result's number does not increase, an operand is undefined, or the operation makes no sense.
  mutating func assign(_ statement: Statement, inBlock block: String) throws(GraphError) -> ValueType {
    guard statement.result.index > last.index else {
      throw .resultNumber(statement: statement.place(inBlock: block), after: last)
    }
    let operands = try operandTypes(of: statement, inBlock: block)
    let type: ValueType
    do {
      type = try statement.operation.resultType(operandTypes: operands)
    } catch { throw error.placed(at: statement.place(inBlock: block)) }
    types[statement.result] = type
    last = statement.result
    return type
  }
}

extension Statement {
  func place(inBlock block: String) -> StatementPlace {
    StatementPlace(block: block, result: result, mnemonic: type(of: operation).mnemonic)
  }
}
