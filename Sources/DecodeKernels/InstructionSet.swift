import CDecodeKernels

/// The vector instructions that kernels are written for. Chosen once, when a program starts.
public enum InstructionSet: String, CaseIterable, Sendable {
  /// Portable code, on every processor.
  case scalar
  /// AVX2, FMA, F16C, BMI, BMI2 and POPCNT.
  case avx2
  /// AVX-512 F, BW, VL and DQ, BMI and BMI2.
  case avx512
  /// The vector unit of 64-bit Arm.
  case neon

  /// The fastest that this processor runs.
  public static let best: InstructionSet = [.avx512, .avx2, .neon].first(where: \.isSupported) ?? .scalar

  /// Those that this processor runs.
  public static var supported: [InstructionSet] { allCases.filter(\.isSupported) }

  /// Whether this processor runs it.
  public var isSupported: Bool { unsafe cdk_kernels_for(code) != nil }

  /// The instruction set called `name`, or the best one when `name` is nil.
  /// - Throws: `KernelError` when there is none of that name, or when this processor lacks it.
  public static func resolve(_ name: String?) throws(KernelError) -> InstructionSet {
    guard let name else { return best }
    guard let known = InstructionSet(rawValue: name) else { throw .unknownInstructionSet(name) }
    guard known.isSupported else { throw .unsupportedInstructionSet(known) }
    return known
  }

  /// Its kernels; the instruction set must be supported.
  var kernels: KernelTable {
    guard let table = unsafe cdk_kernels_for(code) else { preconditionFailure("\(self) cannot run on this processor") }
    return unsafe KernelTable(pointer: table)
  }

  private var code: cdk_isa {
    switch self {
    case .scalar: CDK_SCALAR
    case .avx2: CDK_AVX2
    case .avx512: CDK_AVX512
    case .neon: CDK_NEON
    }
  }
}

/// The C table of one instruction set: immutable and never freed, so that it may be shared.
@safe struct KernelTable: Sendable {
  nonisolated(unsafe) private let pointer: UnsafePointer<cdk_kernels>

  init(pointer: UnsafePointer<cdk_kernels>) { unsafe self.pointer = pointer }

  @unsafe var functions: cdk_kernels { unsafe pointer.pointee }
}
