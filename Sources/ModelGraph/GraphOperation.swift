/// One kind of operation: its operands, the parameters it uses, its shape rule, and its printed fields.
///
/// Each kind lives in one file under Operations, and has one row in ``OperationCatalog``.
public protocol GraphOperation: Sendable, Hashable {
  /// The word that names it in the text form, such as `rms_norm`.
  static var mnemonic: String { get }

  /// Values it reads, in order.
  var operands: [ValueID] { get }

  /// Parameters it reads, in order, with the dimensions each must have given the operands' types.
  /// - Parameter vocabularyCount: token ids lie in `0 ..< vocabularyCount`.
  /// - Throws: when the operands' types or the attributes make no sense.
  func parameterUses(operandTypes: [ValueType], vocabularyCount: Int) throws(GraphError) -> [ParameterUse]

  /// The type of its result.
  /// - Throws: when the operands' types or the attributes make no sense.
  func resultType(operandTypes: [ValueType]) throws(GraphError) -> ValueType

  /// Its attributes and parameter names as `key=value` fields in a fixed order, without the operands.
  func printFields(into fields: inout FieldPrinter)

  /// Reads back what `printFields` wrote.
  init(operands: [ValueID], fields: inout FieldParser) throws(GraphError)
}

extension GraphOperation {
  /// Whether `other` is the same kind of operation with equal operands, parameters and attributes.
  public func isEqual(to other: any GraphOperation) -> Bool {
    guard let other = other as? Self else { return false }
    return self == other
  }
}

/// A parameter as one operation uses it.
public struct ParameterUse: Sendable, Hashable {
  public let name: String
  public let dimensions: [Int]
  public init(name: String, dimensions: [Int]) {
    self.name = name
    self.dimensions = dimensions
  }
}
