import CDecodeKernels
import Encodings

/// The search for the codes of a column of a trellis-coded matrix: the Viterbi algorithm (Forney, Proceedings of the
/// IEEE 61(3), 1973), which finds the best of all paths through a trellis.
///
/// A stream closes on itself, and the best closed path would take a search from every start. Instead, as QTIP does
/// (arXiv 2406.11235, §3.2, Algorithm 4), a first search over the rows around the seam decides the state there, and a
/// second one finds the best of the paths that pass through it. On Gaussian values this costs under 0.5 % of the error.
///
/// A value type with its own working memory: each thread has its own.
public struct TrellisSearch: Sendable {
  /// Rows that one stream may have.
  public static let rowCounts = TrellisLayout.rowMultiple...TrellisLayout.tileRowCount

  private static let stateValues = (0..<1 << TrellisCodebook.stateBitCount).map { TrellisCodebook.value(of: $0) }

  private let bits: Int
  private let kernels: KernelTable
  private var work: [Float]

  /// - Parameter instructionSet: must be supported by this processor.
  public init(_ encoding: TrellisEncoding, instructionSet: InstructionSet = .best) {
    bits = encoding.bits
    kernels = instructionSet.kernels
    work = [Float](
      repeating: 0, count: (Self.rowCounts.upperBound + 1) << (TrellisCodebook.stateBitCount - encoding.bits))
  }

  /// Chooses the codes of the rows of a tile in one column, with the least Σ (target − value)².
  /// - Parameters:
  ///   - targets: finite; as many as are in ``rowCounts``, and as many `scales`, `codes` and `values`.
  ///   - scales: one per row. A row with scale 0 costs nothing whatever its code.
  ///   - values: what a reader of the codes will see.
  public mutating func choose(
    for targets: Span<Float>, scales: Span<Float>, codes: inout MutableSpan<UInt8>, values: inout MutableSpan<Float>
  ) {
    let count = targets.count
    precondition(Self.rowCounts.contains(count) && scales.count == count && codes.count == count)
    precondition(values.count == count)
    let bits = Int32(bits), kernels = kernels
    unsafe targets.withUnsafeBufferPointer { targets in
      unsafe scales.withUnsafeBufferPointer { scales in
        unsafe work.withUnsafeMutableBufferPointer { work in
          unsafe codes.withUnsafeMutableBufferPointer { codes in
            unsafe values.withUnsafeMutableBufferPointer { values in
              unsafe kernels.functions.search_trellis(
                Self.stateValues, bits, targets.baseAddress, scales.baseAddress, count, work.baseAddress,
                codes.baseAddress, values.baseAddress)
            }
          }
        }
      }
    }
  }
}
