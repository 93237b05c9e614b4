import CDecodeKernels
import TensorCore

/// Bulk conversion between elements as they are stored and floats.
public struct DenseConversion: Sendable {
  private let kernels: KernelTable

  /// - Parameter instructionSet: must be supported by this processor.
  public init(_ instructionSet: InstructionSet) { kernels = instructionSet.kernels }

  /// Decodes `values.count` little-endian elements of `type`.
  public func decode(_ elements: Span<UInt8>, as type: ElementType, into values: inout MutableSpan<Float>) {
    precondition(elements.count == values.count * type.byteCount)
    unsafe elements.withUnsafeBufferPointer { elements in
      unsafe values.withUnsafeMutableBufferPointer { values in
        guard let out = values.baseAddress else { return }
        unsafe kernels.functions.to_float(type.code, elements.baseAddress, values.count, out)
      }
    }
  }

  /// Encodes `values` as `type`, rounding to nearest, ties to even; what is too large becomes infinity.
  public func encode(_ values: Span<Float>, as type: ElementType, into elements: inout MutableSpan<UInt8>) {
    precondition(elements.count == values.count * type.byteCount)
    unsafe values.withUnsafeBufferPointer { values in
      unsafe elements.withUnsafeMutableBufferPointer { elements in
        guard let out = elements.baseAddress else { return }
        unsafe kernels.functions.from_float(type.code, values.baseAddress, values.count, out)
      }
    }
  }

  /// Index of the first NaN or infinity, nil when all are finite.
  public func firstNonFinite(_ values: Span<Float>) -> Int? {
    let index = unsafe values.withUnsafeBufferPointer { values in
      unsafe kernels.functions.first_non_finite(values.baseAddress, values.count)
    }
    return index == values.count ? nil : index
  }
}
