import CDecodeKernels
import Encodings
import TensorCore

/// A trellis-coded matrix that is multiplied from its packed bytes, with rows as the lanes of a vector.
///
/// Tiles of rows are shared out over the context's threads. A result depends neither on the number of threads nor on
/// the tokens beside it.
struct TrellisMatrix: LinearOperator {
  let shape: MatrixShape

  private let layout: TrellisLayout
  private let storage: any ByteStorage
  private let context: KernelContext
  private let kernels: KernelTable

  /// - Parameter storage: the bytes of a value of `shape` in `encoding`, lent again for every call.
  init(encoding: TrellisEncoding, shape: MatrixShape, storage: any ByteStorage, context: KernelContext) {
    layout = encoding.layout(of: shape)
    precondition(storage.byteCount == layout.byteCount)
    self.shape = shape
    self.storage = storage
    self.context = context
    kernels = context.instructionSet.kernels
  }

  func apply(_ x: Span<Float>, tokenCount: Int, into y: inout MutableSpan<Float>) {
    precondition(x.count == tokenCount * shape.inputCount && y.count == tokenCount * shape.outputCount)
    unsafe withMatrix { matrix in
      let chunk = tilesPerChunk(tokenCount: max(1, tokenCount))
      unsafe context.share(matrix, pieceCount: layout.tileCount, chunk: chunk, x, tokenCount, &y) { product, tiles in
        var matrix = unsafe product.matrix
        unsafe kernels.functions.linear_trellis(
          &matrix, tiles.lowerBound, tiles.upperBound, product.x, product.tokenCount, product.y)
      }
    }
  }

  func decodeRow(_ index: Int, into row: inout MutableSpan<Float>) {
    precondition(index >= 0 && index < shape.outputCount && row.count == shape.inputCount)
    unsafe withMatrix { matrix in
      var matrix = unsafe matrix
      unsafe row.withUnsafeMutableBufferPointer { row in
        unsafe kernels.functions.decode_trellis_row(&matrix, index, row.baseAddress)
      }
    }
  }

  /// Tiles that make one piece of work, long enough to be worth handing out (some 20 µs).
  private func tilesPerChunk(tokenCount: Int) -> Int {
    max(1, (1 << 18) / (TrellisLayout.tileRowCount * shape.inputCount * tokenCount))
  }

  /// Lends the C description of this matrix, valid during the call.
  private func withMatrix(_ body: (cdk_trellis) -> Void) {
    storage.withBytes { bytes in
      unsafe bytes.withUnsafeBufferPointer { bytes in
        let base = bytes.baseAddress!
        unsafe body(
          cdk_trellis(
            codes: base, scales: base + layout.scalesOffset, output_count: shape.outputCount,
            input_count: shape.inputCount, bits: Int32(layout.encoding.bits)))
      }
    }
  }
}
