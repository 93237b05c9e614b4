import Diagnostics

/// Why a graph, or its text, is not accepted.
public enum GraphError: Diagnosable, Equatable {
  /// The text departs from the form; line and column count from 1, columns in bytes.
  case syntax(line: Int, column: Int, expected: String, found: String)
  case textTooLong(byteCount: Int, limit: Int)
  /// A name that is empty, too long, or has characters or empty parts that names may not have.
  case malformedName(String)
  case outOfRange(quantity: String, of: String, value: Int, allowed: ClosedRange<Int>)
  case elementCount(parameter: String, dimensions: [Int])
  case tooMany(String, limit: Int)
  case noInput
  case inputNumber(found: ValueID, expected: ValueID)
  case duplicateBlock(String)
  case emptyBlock(String)
  case duplicateParameter(String)
  case resultNumber(statement: StatementPlace, after: ValueID)
  case undefinedOperand(ValueID, statement: StatementPlace)
  /// An operation's operands or attributes make no sense together.
  case operation(OperationFault, statement: StatementPlace)
  case undeclaredParameter(String, statement: StatementPlace)
  case parameterDimensions(String, declared: [Int], used: [Int], statement: StatementPlace)
  case unusedParameter(String)
  /// Declarations are not in the order of first use.
  case parameterOrder(found: String, expected: String)
  case notLogits(String)
}

/// Where an operation stands. Operations throw ``unplaced``; whoever walks the program fills it in.
public struct StatementPlace: Sendable, Hashable, CustomStringConvertible {
  public let block: String
  public let result: ValueID
  public let mnemonic: String

  public init(block: String, result: ValueID, mnemonic: String) {
    self.block = block
    self.result = result
    self.mnemonic = mnemonic
  }

  public static let unplaced = StatementPlace(block: "", result: ValueID(0), mnemonic: "")

  public var description: String { "block \(block), %\(result.index) = \(mnemonic)" }
}

/// What is wrong with one operation.
public enum OperationFault: Sendable, Hashable {
  case operandType(operand: String, expected: String, found: ValueType)
  case attribute(name: String, value: String, rule: String)
}

extension GraphError {
  static func operandType(_ operand: String, _ expected: String, _ found: ValueType) -> GraphError {
    .operation(.operandType(operand: operand, expected: expected, found: found), statement: .unplaced)
  }

  static func attribute(_ name: String, _ value: some CustomStringConvertible, _ rule: String) -> GraphError {
    .operation(.attribute(name: name, value: value.description, rule: rule), statement: .unplaced)
  }

  /// The same error with the place of its statement, if it had none.
  func placed(at place: StatementPlace) -> GraphError {
    if case .operation(let fault, .unplaced) = self { .operation(fault, statement: place) } else { self }
  }
}

extension GraphError {
  public var diagnosis: Diagnosis {
    switch self {
    case .syntax(let line, let column, let expected, let found):
      malformed(
        "syntax", "the text of a graph cannot be read", "line \(line), column \(column)",
        "expected \(expected), found \(found)")
    case .textTooLong(let byteCount, let limit):
      malformed(
        "text-too-long", "the text of a graph is too long", "the whole text",
        "it has \(byteCount) bytes of at most \(limit)")
    case .malformedName(let name):
      malformed(
        "name", "`\(name.prefix(80))` is not a name", "the names of a graph",
        "names are 1…\(GraphLimits.nameByteCount) ASCII letters, digits, `_` and `-` in parts separated by dots")
    case .outOfRange(let quantity, let owner, let value, let allowed):
      malformed(
        "out-of-range", "the \(quantity) of \(owner) is \(value)", owner,
        "it must lie in \(allowed.lowerBound)…\(allowed.upperBound)")
    case .elementCount(let parameter, let dimensions):
      malformed(
        "too-large", "parameter \(parameter) is too large", parameter,
        "\(dimensions) has more than \(GraphLimits.elementCount) elements")
    case .tooMany(let things, let limit):
      malformed("too-many", "a graph has too many \(things)", "the whole graph", "at most \(limit) are allowed")
    case .noInput: malformed("no-input", "a graph has no input", "the whole graph", "a model reads token ids")
    case .inputNumber(let found, let expected):
      malformed(
        "input-number", "input %\(found.index) has the wrong number", "%\(found.index)",
        "inputs are numbered from 0, so this one is %\(expected.index)")
    case .duplicateBlock(let name):
      malformed("duplicate-block", "two blocks are called \(name)", "block \(name)", "passes address blocks by name")
    case .emptyBlock(let name):
      malformed("empty-block", "block \(name) has no statements", "block \(name)", "a block is a part that computes")
    case .duplicateParameter(let name):
      malformed("duplicate-parameter", "parameter \(name) is declared twice", name, "values belong to names")
    case .resultNumber(let place, let previous):
      malformed(
        "result-number", "a value's number does not increase", "\(place)",
        "values are assigned once and numbered upwards; the value before is %\(previous.index)")
    case .undefinedOperand(let value, let place):
      malformed(
        "undefined-value", "%\(value.index) is used before it is computed", "\(place)",
        "no earlier statement assigns it")
    case .operation(.operandType(let operand, let expected, let found), let place):
      malformed(
        "operand-type", "the \(operand) of an operation has the wrong type", "\(place)",
        "expected \(expected), found \(found)")
    case .operation(.attribute(let name, let value, let rule), let place):
      malformed("attribute", "\(name)=\(value) makes no sense", "\(place)", "it \(rule)")
    case .undeclaredParameter(let name, let place):
      malformed(
        "undeclared-parameter", "parameter \(name) is used but not declared", "\(place)",
        "every parameter has a declaration")
    case .parameterDimensions(let name, let declared, let used, let place):
      malformed(
        "parameter-dimensions", "parameter \(name) has the wrong dimensions", "\(place)",
        "it is declared as \(declared) and used as \(used)")
    case .unusedParameter(let name):
      malformed(
        "unused-parameter", "parameter \(name) is never used", name,
        "a graph declares what it needs and nothing else")
    case .parameterOrder(let found, let expected):
      malformed(
        "parameter-order", "parameter \(found) is declared out of order", found,
        "parameters are declared in the order of first use, so \(expected) comes here")
    case .notLogits(let reason):
      malformed(
        "not-logits", "a graph does not end in logits", "the last statement",
        "it must be a head over the whole vocabulary, but \(reason)")
    }
  }

  private func malformed(_ code: String, _ what: String, _ place: String, _ why: String) -> Diagnosis {
    Diagnosis(
      code: "graph.\(code)", what: what, place: place, why: why, fix: "restore the file it came from, or make it again",
      status: .malformedInput)
  }
}
