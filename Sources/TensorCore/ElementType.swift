/// A floating-point storage type.
public enum ElementType: String, CaseIterable, Sendable, Hashable {
  case f32, f16, bf16

  /// Bytes one element occupies.
  public var byteCount: Int { self == .f32 ? 4 : 2 }
}

/// Shape of a weight matrix, stored row-major: `outputCount` rows of `inputCount` elements.
public struct MatrixShape: Sendable, Hashable {
  public let outputCount: Int
  public let inputCount: Int

  public init(outputCount: Int, inputCount: Int) {
    self.outputCount = outputCount
    self.inputCount = inputCount
  }

  /// A shape of any rank seen as a matrix: the last dimension is the input, the others together the output.
  /// A vector of n elements is one row.
  public init(dimensions: [Int]) {
    inputCount = dimensions.last ?? 1
    outputCount = dimensions.dropLast().reduce(1, *)
  }

  public var elementCount: Int { outputCount * inputCount }
}
