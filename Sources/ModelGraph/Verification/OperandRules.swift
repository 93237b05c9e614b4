extension ValueType {
  /// The sequence and width of an activation.
  /// - Throws: `GraphError.operation` when this is something else.
  func activation(_ operand: String) throws(GraphError) -> (sequence: String, width: Int) {
    guard case .activation(let sequence, let width) = self else { throw .operandType(operand, "activations", self) }
    return (sequence, width)
  }
}

extension GraphOperation {
  /// - Throws: `GraphError.operation` when the attribute printed as `name` lies outside `allowed`.
  func requireAttribute(_ name: String, _ value: Int, in allowed: ClosedRange<Int>) throws(GraphError) {
    guard allowed.contains(value) else {
      throw .attribute(name, value, "must lie in \(allowed.lowerBound)…\(allowed.upperBound)")
    }
  }
}
