import DecodeKernels
import Encodings
import Execution
import ModelGraph
import PackFormat
import TensorCore

/// The parameters of a pack as the forward pass wants them: decoded by kernels straight from the mapped file.
struct PackOperators: OperatorSource {
  let reader: PackReader
  let context: KernelContext
  /// The experts that come and go; nil where all are mapped.
  var experts: (pack: PackExperts, residency: ExpertResidency)?

  func linear(_ name: String) throws -> any LinearOperator {
    let placed = try parameter(name)
    return try bind(placed, to: reader.bytes(of: placed))
  }

  /// - Throws: `KernelError`.
  func bind(_ placed: PlacedParameter, to bytes: any ByteStorage) throws -> any LinearOperator {
    try WeightMatrix.bind(
      encoding: placed.parameter.encoding, shape: placed.parameter.shape, storage: bytes, context: context)
  }

  func experts(of mixture: Mixture) throws -> any ExpertOperators {
    guard let experts else { return try BoundExperts(of: mixture, from: self) }
    guard let index = experts.pack.mixtures.firstIndex(of: mixture) else {
      preconditionFailure("\(mixture.router) is of another graph than the experts")
    }
    return ResidentExperts(residency: experts.residency, mixture: index)
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

  func parameter(_ name: String) throws -> PlacedParameter {
    guard let placed = reader.parameter(named: name) else {
      throw PackModelError.parameterMissing(name: name, path: reader.path)
    }
    return placed
  }
}
