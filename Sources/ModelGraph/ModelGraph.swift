/// The computation of a model: a straight-line program in single-assignment form over activations, cut into named blocks.
///
/// The number of tokens is symbolic. Calibration, verification and the runtime all execute this one graph; a pack carries
/// its text form, so the runtime knows no architecture.
public struct ModelGraph: Sendable, Equatable {
  /// Name of the architecture it was made from, such as `llama`; for people, nothing depends on it.
  public var architecture: String
  /// Rows of the logits; token ids lie in `0 ..< vocabularyCount`.
  public var vocabularyCount: Int
  /// Longest sequence the model was made for, in tokens.
  public var contextLength: Int
  /// Values given from outside, in order; the first ids of the program.
  public var inputs: [GraphInput]
  /// Every parameter the operations use, in the order of first use.
  public var parameters: [ParameterDeclaration]
  /// Named parts in the order they run: `embedding`, `layers.0`, …, `head`.
  public var blocks: [Block]

  public init(
    architecture: String, vocabularyCount: Int, contextLength: Int, inputs: [GraphInput],
    parameters: [ParameterDeclaration], blocks: [Block]
  ) {
    self.architecture = architecture
    self.vocabularyCount = vocabularyCount
    self.contextLength = contextLength
    self.inputs = inputs
    self.parameters = parameters
    self.blocks = blocks
  }
}

/// One value of the program, printed as `%7`.
public struct ValueID: Sendable, Hashable {
  public let index: Int
  public init(_ index: Int) { self.index = index }
}

/// What a value is: token ids, or one row of `width` numbers per token of a sequence.
public enum ValueType: Sendable, Hashable {
  case ids(sequence: String)
  case activation(sequence: String, width: Int)
}

/// A sequence of token ids given from outside; `sequence` names its symbolic length, such as `n`.
public struct GraphInput: Sendable, Hashable {
  public let value: ValueID
  public let sequence: String
  public init(value: ValueID, sequence: String) {
    self.value = value
    self.sequence = sequence
  }
}

/// A parameter the graph expects: its name, what it is for, and its shape.
public struct ParameterDeclaration: Sendable, Hashable {
  /// Dotted, such as `layers.3.mlp.experts.5.up`.
  public let name: String
  public let role: ParameterRole
  /// Row-major; a matrix is (outputCount, inputCount).
  public let dimensions: [Int]
  public init(name: String, role: ParameterRole, dimensions: [Int]) {
    self.name = name
    self.role = role
    self.dimensions = dimensions
  }
}

/// What a parameter is for; the keys of every per-role figure.
public enum ParameterRole: String, CaseIterable, Sendable, Hashable {
  case embedding, attention, mlp, expert
  case sharedExpert = "shared_expert"
  case router, norm, head, other
}

/// Consecutive operations that passes treat together.
public struct Block: Sendable, Equatable {
  public let name: String
  public var statements: [Statement]
  public init(name: String, statements: [Statement]) {
    self.name = name
    self.statements = statements
  }
}

/// `result = operation`. Results are numbered upwards through the whole program and assigned once.
public struct Statement: Sendable {
  public let result: ValueID
  public let operation: any GraphOperation
  public init(result: ValueID, operation: any GraphOperation) {
    self.result = result
    self.operation = operation
  }
}
