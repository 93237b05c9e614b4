import Encodings
import Parallelism
import TensorCore

@testable import DecodeKernels

extension SampleMatrix {
  func bound(to isa: InstructionSet, pool: WorkerPool) throws -> WeightMatrix {
    try WeightMatrix.bind(
      encoding: encoding, shape: shape, storage: InMemoryBytes(bytes),
      context: KernelContext(instructionSet: isa, pool: pool))
  }
}

extension WeightMatrix {
  /// What `apply` writes, into NaN.
  func product(of x: [Float], tokenCount: Int) -> [Float] {
    var y = [Float](repeating: .nan, count: tokenCount * shape.outputCount)
    var span = y.mutableSpan
    apply(x.span, tokenCount: tokenCount, into: &span)
    return y
  }
}
