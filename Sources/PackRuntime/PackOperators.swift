import DecodeKernels
import Encodings
import Execution
import PackFormat
import TensorCore

/// The parameters of a pack as the forward pass wants them: decoded by kernels straight from the mapped file.
struct PackOperators: OperatorSource {
  let reader: PackReader
  let context: KernelContext

  func linear(_ name: String) throws -> any LinearOperator {
    let placed = try parameter(name)
    return try WeightMatrix.bind(
      encoding: placed.parameter.encoding, shape: placed.parameter.shape, storage: reader.bytes(of: placed),
      context: context)
  }

  func vector(_ name: String) throws -> [Float] {
    let placed = try parameter(name)
    guard case .dense(let type) = placed.parameter.encoding else {
      throw PackModelError.vectorNotDense(name: name, path: reader.path)
    }
    var values = [Float](repeating: 0, count: placed.parameter.shape.elementCount)
    var span = values.mutableSpan
    try reader.bytes(of: placed).withBytes { context.conversion.decode($0, as: type, into: &span) }
    return values
  }

  private func parameter(_ name: String) throws -> PlacedParameter {
    guard let placed = reader.parameter(named: name) else {
      throw PackModelError.parameterMissing(name: name, path: reader.path)
    }
    return placed
  }
}
