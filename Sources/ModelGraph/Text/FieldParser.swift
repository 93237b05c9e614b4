/// Hands out the `key=value` fields of a statement in the order they were printed.
public struct FieldParser {
  struct Field {
    let key: String
    let value: String
    let line: Int
    let column: Int
  }

  private let fields: [Field]
  private var next = 0
  /// Where the operation's name stands, and where its fields end.
  private let start: (line: Int, column: Int)
  private let end: (line: Int, column: Int)

  init(_ fields: [Field], from start: (line: Int, column: Int), to end: (line: Int, column: Int)) {
    self.fields = fields
    self.start = start
    self.end = end
  }

  /// - Throws: unless there are exactly `count` operands.
  public func requireOperands(_ operands: [ValueID], count: Int) throws(GraphError) {
    guard operands.count == count else {
      throw .syntax(
        line: start.line, column: start.column, expected: "\(count) operands", found: "\(operands.count)")
    }
  }

  public mutating func parameter(_ key: String) throws(GraphError) -> String {
    let field = try take(key)
    guard field.value.utf8.first == UInt8(ascii: "@") else { throw field.unexpected("`@` and a parameter's name") }
    return String(field.value.dropFirst())
  }

  /// Nil when the next field is another one.
  public mutating func parameterIfPresent(_ key: String) throws(GraphError) -> String? {
    guard next < fields.count, fields[next].key == key else { return nil }
    return try parameter(key)
  }

  public mutating func integer(_ key: String) throws(GraphError) -> Int {
    try canonical(key, "an integer") { Int($0) }
  }

  public mutating func number(_ key: String) throws(GraphError) -> Float {
    try canonical(key, "a number") { Float($0) }
  }

  public mutating func number(_ key: String) throws(GraphError) -> Double {
    try canonical(key, "a number") { Double($0) }
  }

  /// Nil when the next field is another one.
  public mutating func numberIfPresent(_ key: String) throws(GraphError) -> Float? {
    guard next < fields.count, fields[next].key == key else { return nil }
    return try number(key)
  }

  public mutating func flag(_ key: String) throws(GraphError) -> Bool {
    try canonical(key, "true or false") { Bool($0) }
  }

  /// Whether the next field is `key=false`; a flag that is written only where it is false.
  public mutating func takesFalse(_ key: String) throws(GraphError) -> Bool {
    guard next < fields.count, fields[next].key == key else { return false }
    _ = try word(key, of: ["false"])
    return true
  }

  /// Ascending numbers as ``NumberRuns`` prints them, other than those from 0 on; nil when the next field is another.
  public mutating func numbersIfPresent(_ key: String) throws(GraphError) -> [Int]? {
    guard next < fields.count, fields[next].key == key else { return nil }
    let field = try take(key)
    guard let numbers = NumberRuns.numbers(in: field.value), !numbers.elementsEqual(0..<numbers.count) else {
      throw field.unexpected("ascending numbers such as 0..3,5, without which they would count from 0")
    }
    return numbers
  }

  /// One of `words`.
  public mutating func word(_ key: String, of words: [String]) throws(GraphError) -> String {
    let field = try take(key)
    guard words.contains(field.value) else { throw field.unexpected("one of \(words.joined(separator: ", "))") }
    return field.value
  }

  public mutating func activationFunction(_ key: String) throws(GraphError) -> ActivationFunction {
    let field = try take(key)
    guard let function = ActivationFunction(rawValue: field.value) else {
      let known = ActivationFunction.allCases.map(\.rawValue).joined(separator: ", ")
      throw field.unexpected("one of \(known)")
    }
    return function
  }

  /// - Throws: when fields are left.
  func requireEnd() throws(GraphError) {
    guard next == fields.count else {
      throw .syntax(
        line: fields[next].line, column: fields[next].column, expected: "no more fields", found: fields[next].key)
    }
  }

  /// The value as `read` understands it, if it is spelled the way it would be printed.
  private mutating func canonical<Value: CustomStringConvertible>(
    _ key: String, _ expected: String, read: (String) -> Value?
  ) throws(GraphError) -> Value {
    let field = try take(key)
    guard field.value.utf8.count <= 32, let value = read(field.value), value.description == field.value else {
      throw field.unexpected(expected)
    }
    return value
  }

  private mutating func take(_ key: String) throws(GraphError) -> Field {
    guard next < fields.count else {
      throw .syntax(line: end.line, column: end.column, expected: "`\(key)=`", found: "the end of the fields")
    }
    let field = fields[next]
    guard field.key == key else {
      throw .syntax(line: field.line, column: field.column, expected: "`\(key)=`", found: "`\(field.key)=`")
    }
    next += 1
    return field
  }
}

extension FieldParser.Field {
  func unexpected(_ expected: String) -> GraphError {
    .syntax(line: line, column: column + key.utf8.count + 1, expected: expected, found: "`\(value.prefix(40))`")
  }
}
