import DecodeKernels
import Encodings
import Execution
import ModelIR
import TensorCore

/// The parameters of a compile-side model as the forward pass wants them, read where they lie.
public struct ModelOperators: OperatorSource {
  private let model: Model
  private let context: KernelContext
  private let shapes: [String: MatrixShape]

  /// - Parameter model: one that verifies.
  public init(_ model: Model, context: KernelContext) {
    self.model = model
    self.context = context
    shapes = Dictionary(
      model.graph.parameters.map { ($0.name, MatrixShape(dimensions: $0.dimensions)) }) { first, _ in first }
  }

  public func linear(_ name: String) throws -> any LinearOperator {
    let (value, shape) = try parameter(name)
    return try WeightMatrix.bind(encoding: value.encoding, shape: shape, storage: value.storage, context: context)
  }

  public func vector(_ name: String) throws -> [Float] {
    let (value, shape) = try parameter(name)
    guard case .dense(let type) = value.encoding else {
      throw ModelError.encodingRefusesShape(parameter: name, encoding: value.encoding, shape: shape)
    }
    var elements = [Float](repeating: 0, count: shape.elementCount)
    var span = elements.mutableSpan
    value.storage.withBytes { context.conversion.decode($0, as: type, into: &span) }
    return elements
  }

  private func parameter(_ name: String) throws -> (ParameterValue, MatrixShape) {
    guard let value = model.values[name], let shape = shapes[name] else {
      throw ModelError.valueMissing(parameter: name)
    }
    return (value, shape)
  }
}
