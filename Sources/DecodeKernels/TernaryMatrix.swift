import CDecodeKernels
import Encodings
import TensorCore

/// A ternary matrix that is multiplied from its packed bytes: code words become bits that say where weights are, and
/// sums of four inputs are looked up by them.
///
/// Bundles of rows are shared out over the context's threads. A result does not depend on their number. Code words
/// run on from row to row, so that for one row those before it in its bundle, at most 31, are decoded too.
struct TernaryMatrix: LinearOperator {
  let shape: MatrixShape

  private let layout: TernaryLayout
  private let code: TernaryCode
  private let storage: any ByteStorage
  private let context: KernelContext
  private let kernels: KernelTable

  /// - Parameter storage: the bytes of a value of `shape` in `encoding`, lent again for every call.
  init(encoding: TernaryEncoding, shape: MatrixShape, storage: any ByteStorage, context: KernelContext) {
    layout = encoding.layout(of: shape)
    precondition(storage.byteCount == layout.byteCount)
    self.shape = shape
    code = TernaryCode.of(zeros: encoding.zeros, bits: encoding.codeBits)
    self.storage = storage
    self.context = context
    kernels = context.instructionSet.kernels
  }

  func apply(_ x: Span<Float>, tokenCount: Int, into y: inout MutableSpan<Float>) {
    precondition(x.count == tokenCount * shape.inputCount && y.count == tokenCount * shape.outputCount)
    let workCount =
      tokenCount == 1 ? 6 * (shape.inputCount + 512) : TernaryLayout.bundleRowCount * shape.inputCount
    unsafe withMatrix { matrix in
      let chunk = bundlesPerChunk(tokenCount: max(1, tokenCount))
      unsafe context.share(
        matrix, pieceCount: layout.bundleCount, chunk: chunk, x, tokenCount, &y
      ) { product, bundles in
        context.scratch.withArray(workCount) { work in
          var matrix = unsafe product.matrix
          unsafe work.withUnsafeMutableBufferPointer { work in
            unsafe kernels.functions.linear_ternary(
              &matrix, bundles.lowerBound, bundles.upperBound, product.x, product.tokenCount, product.y,
              work.baseAddress)
          }
        }
      }
    }
  }

  func decodeRow(_ index: Int, into row: inout MutableSpan<Float>) {
    precondition(index >= 0 && index < shape.outputCount && row.count == shape.inputCount)
    unsafe withMatrix { matrix in
      var matrix = unsafe matrix
      unsafe row.withUnsafeMutableBufferPointer { row in
        unsafe kernels.functions.decode_ternary_row(&matrix, index, row.baseAddress)
      }
    }
  }

  /// Bundles that make one piece of work: long enough to be worth handing out (some 20 µs), and for one token several
  /// where there are, because each piece prepares its inputs.
  private func bundlesPerChunk(tokenCount: Int) -> Int {
    let worthwhile = (1 << 17) / (TernaryLayout.bundleRowCount * shape.inputCount * tokenCount)
    let reusing = tokenCount == 1 ? min(8, layout.bundleCount / (2 * context.pool.threadCount)) : 1
    return max(1, worthwhile, reusing)
  }

  /// Lends the C description of this matrix, valid during the call.
  private func withMatrix(_ body: (cdk_ternary) -> Void) {
    let encoding = layout.encoding
    let levelsPerRow = switch encoding.levels { case .matrix: 0; case .row: 1; case .pair: 2 }
    storage.withBytes { bytes in
      unsafe bytes.withUnsafeBufferPointer { bytes in
        unsafe code.strings.withUnsafeBufferPointer { strings in
          unsafe code.lengths.withUnsafeBufferPointer { lengths in
            let base = bytes.baseAddress!
            unsafe body(
              cdk_ternary(
                begins: base, levels: base + layout.levelsOffset, levels_per_row: levelsPerRow,
                streams: base + layout.streamsOffset, stream_byte_count: encoding.streamByteCount,
                strings: strings.baseAddress, lengths: lengths.baseAddress, code_bits: Int32(encoding.codeBits),
                output_count: shape.outputCount, input_count: shape.inputCount))
          }
        }
      }
    }
  }
}
