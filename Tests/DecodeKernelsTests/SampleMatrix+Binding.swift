import Encodings
import Parallelism
import TensorCore

@testable import DecodeKernels

/// A value and what it is of.
protocol EncodedSample {
  var encoding: Encoding { get }
  var shape: MatrixShape { get }
  var bytes: [UInt8] { get }
}

extension EncodedSample {
  func bound(to isa: InstructionSet, pool: WorkerPool) throws -> WeightMatrix {
    try WeightMatrix.bind(
      encoding: encoding, shape: shape, storage: InMemoryBytes(bytes),
      context: KernelContext(instructionSet: isa, pool: pool))
  }

  func matrix(_ isa: InstructionSet, threadCount: Int = 1) throws -> WeightMatrix {
    try bound(to: isa, pool: WorkerPool(threadCount: threadCount))
  }

  /// Row-major (tokenCount, inputCount).
  func inputs(tokenCount: Int) -> [Float] {
    var random = SplitMix64(seed: UInt64(tokenCount))
    return (0..<tokenCount * shape.inputCount).map { _ in random.nextUnitFloat() * 2 - 1 }
  }
}

extension SampleMatrix: EncodedSample {}

extension WeightMatrix {
  /// What `apply` writes, into NaN.
  func product(of x: [Float], tokenCount: Int) -> [Float] {
    var y = [Float](repeating: .nan, count: tokenCount * shape.outputCount)
    var span = y.mutableSpan
    apply(x.span, tokenCount: tokenCount, into: &span)
    return y
  }
}
