import CDecodeKernels
import Encodings
import TensorCore

/// A sparse matrix whose kept values are in an encoding that the sparse kernel does not decode: they are decoded a
/// panel of rows at a time, and multiplied from there.
struct SpreadMatrix: LinearOperator {
  let pattern: SparsePattern
  let shape: MatrixShape
  /// Begins with the places.
  let places: any ByteStorage
  /// The kept values.
  let kept: any LinearOperator
  let context: KernelContext

  private static let panelRowCount = 16

  func apply(_ x: Span<Float>, tokenCount: Int, into y: inout MutableSpan<Float>) {
    precondition(x.count == tokenCount * shape.inputCount && y.count == tokenCount * shape.outputCount)
    guard tokenCount > 0 else { return }
    let kernel = unsafe context.instructionSet.kernels.functions.linear
    let panel = Self.panelRowCount, rowCount = shape.outputCount
    unsafe x.withUnsafeBufferPointer { x in
      unsafe y.withUnsafeMutableBufferPointer { y in
        let (x, y) = unsafe (SharedPointer(x.baseAddress!), SharedPointer(y.baseAddress!))
        context.pool.forEach((rowCount + panel - 1) / panel) { index in
          let rows = index * panel..<min(rowCount, (index + 1) * panel)
          unsafe withDecoded(rows) { matrix in
            unsafe kernel?(matrix, 0, rows.count, x.address, tokenCount, y.address + rows.lowerBound)
          }
        }
      }
    }
  }

  func decodeRow(_ index: Int, into row: inout MutableSpan<Float>) {
    precondition(row.count == shape.inputCount)
    let kernels = context.instructionSet.kernels
    unsafe row.withUnsafeMutableBufferPointer { row in
      unsafe withDecoded(index..<index + 1) { unsafe kernels.functions.decode_row($0, 0, row.baseAddress) }
    }
  }

  /// Lends these rows as a matrix of their own whose kept values are 32-bit floats; its `output_count` is that of all.
  private func withDecoded(_ rows: Range<Int>, _ body: (UnsafePointer<cdk_matrix>) -> Void) {
    let width = kept.shape.inputCount, rowByteCount = pattern.rowByteCount(of: shape.inputCount)
    context.scratch.withArray(rows.count * width) { elements in
      for row in rows {
        let first = (row - rows.lowerBound) * width
        var part = elements._mutatingExtracting(first..<first + width)
        kept.decodeRow(row, into: &part)
      }
      unsafe elements.span.withUnsafeBytes { elements in
        places.withBytes(rows.lowerBound * rowByteCount..<rows.upperBound * rowByteCount) { numbers in
          unsafe numbers.withUnsafeBufferPointer { numbers in
            let base = numbers.baseAddress!
            unsafe SparseUnits.of(pattern).withPlaces(at: base, inputCount: shape.inputCount) { places in
              var matrix = unsafe cdk_matrix()
              unsafe matrix.codes = elements.baseAddress!.assumingMemoryBound(to: UInt8.self)
              unsafe matrix.output_count = shape.outputCount
              unsafe matrix.input_count = width
              unsafe matrix.type = CDK_F32
              unsafe matrix.places = places
              unsafe body(&matrix)
            }
          }
        }
      }
    }
  }
}

/// Lets a pointer cross into a concurrent loop. Sound where each iteration writes places of its own.
@unsafe private struct SharedPointer<Pointer>: @unchecked Sendable {
  let address: Pointer

  init(_ address: Pointer) { unsafe self.address = address }
}
