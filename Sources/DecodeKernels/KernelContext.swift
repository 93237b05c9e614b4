import Parallelism

/// What computing takes: the instruction set chosen at start, and the threads.
public struct KernelContext: Sendable {
  /// Supported by this processor.
  public let instructionSet: InstructionSet
  public let pool: WorkerPool
  /// What operators share for intermediate results.
  let scratch = ScratchShelf()

  /// - Parameter instructionSet: must be supported by this processor.
  public init(instructionSet: InstructionSet = .best, pool: WorkerPool) {
    precondition(instructionSet.isSupported)
    self.instructionSet = instructionSet
    self.pool = pool
  }

  /// The vector operations in this instruction set.
  public var vectors: VectorKernels { VectorKernels(instructionSet) }

  /// Bulk conversion of elements in this instruction set.
  public var conversion: DenseConversion { DenseConversion(instructionSet) }
}
