import ArgumentParser
import DecodeKernels
import Parallelism

/// Options of every command that multiplies.
public struct ExecutionOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: "Threads to use (default: all this process may use, from the affinity mask and the cgroup quota).")
  public var threads: Int?

  @Option(help: "Force an instruction set: scalar, avx2, avx512 or neon (default: the best this machine has).")
  public var isa: String?

  public init() {}

  public func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads takes a number from 1 to 1024, not \(threads)")
    }
  }

  /// Threads asked for, or all that are available.
  public var threadCount: Int { threads ?? AvailableThreads.current.count }

  /// The kernels and threads to run on.
  /// - Throws: when the instruction set is unknown or this machine lacks it.
  public func kernelContext() throws -> KernelContext {
    KernelContext(instructionSet: try InstructionSet.resolve(isa), pool: WorkerPool(threadCount: threadCount))
  }
}

/// `--json`.
public struct OutputOptions: ParsableArguments {
  @Flag(help: "Print one JSON document instead of text.")
  public var json = false

  public init() {}
}

/// A share given as `5%` or `0.05`.
public struct Percentage: ExpressibleByArgument, Sendable, Equatable {
  public let fraction: Double

  public init?(argument: String) {
    let isPercent = argument.hasSuffix("%")
    guard let number = Double(isPercent ? String(argument.dropLast()) : argument), number.isFinite, number >= 0 else {
      return nil
    }
    fraction = isPercent ? number / 100 : number
  }
}
