import CDecodeKernels
import Encodings
import TensorCore

/// A weight matrix that is multiplied from its packed bytes: dense, grouped, or sparse with values of these. Weights
/// are decoded in registers or into the first-level cache, never into memory.
///
/// Rows are shared out over the context's threads. Results do not depend on the number of threads.
public struct EncodedMatrix: LinearOperator {
  public let encoding: Encoding
  public let shape: MatrixShape

  private let storage: any ByteStorage
  private let context: KernelContext
  private let kernels: KernelTable
  private let values: StoredValues
  /// Of a sparse matrix.
  private let units: SparseUnits?

  /// - Parameters:
  ///   - encoding: a pattern that `multiplies(_:)`.
  ///   - storage: the bytes of a value of `shape` in `encoding`, lent again for every call.
  /// - Throws: `KernelError` when the encoding does not accept the shape, or the bytes are too few or too many.
  public init(
    encoding: Encoding, shape: MatrixShape, storage: any ByteStorage, context: KernelContext
  ) throws(KernelError) {
    guard encoding.accepts(shape) else { throw .shapeNotAccepted(encoding, shape) }
    guard storage.byteCount == encoding.byteCount(of: shape) else {
      throw .wrongByteCount(encoding, shape, found: storage.byteCount)
    }
    self.encoding = encoding
    self.shape = shape
    self.storage = storage
    self.context = context
    kernels = context.instructionSet.kernels
    precondition(Self.multiplies(encoding))
    if case .sparse(let pattern, _) = encoding {
      let kept = encoding.parts(of: shape)[0]
      values = StoredValues(encoding: kept.encoding, shape: kept.shape, offset: kept.byteRange.lowerBound)
      units = SparseUnits.of(pattern)
    } else {
      values = StoredValues(encoding: encoding, shape: shape, offset: 0)
      units = nil
    }
  }

  /// Whether matrices in `encoding` are multiplied this way.
  static func multiplies(_ encoding: Encoding) -> Bool {
    switch encoding {
    case .dense, .grouped, .sparse(_, .dense), .sparse(_, .grouped): true
    case .trellis, .ternary, .sparse, .lowRank, .sum, .wrapped: false
    }
  }

  public func apply(_ x: Span<Float>, tokenCount: Int, into y: inout MutableSpan<Float>) {
    precondition(x.count == tokenCount * shape.inputCount && y.count == tokenCount * shape.outputCount)
    unsafe run(
      rowCount: shape.outputCount, chunk: rowsPerChunk(tokenCount: tokenCount), x, tokenCount, &y,
      kernels.functions.linear)
  }

  /// y = x·Wᵀ for the square block-diagonal W whose blocks this matrix holds, one below the other: `x` and `y` are
  /// (tokenCount, outputCount).
  func applyBlocks(_ x: Span<Float>, tokenCount: Int, into y: inout MutableSpan<Float>) {
    precondition(x.count == tokenCount * shape.outputCount && y.count == x.count)
    let width = shape.inputCount
    precondition(shape.outputCount % width == 0)
    unsafe run(
      rowCount: shape.outputCount / width, chunk: (rowsPerChunk(tokenCount: tokenCount) + width - 1) / width, x,
      tokenCount, &y, kernels.functions.linear_blocks)
  }

  private typealias Kernel = @convention(c) (
    UnsafePointer<cdk_matrix>?, Int, Int, UnsafePointer<Float>?, Int, UnsafeMutablePointer<Float>?
  ) -> Void

  /// Shares `rowCount` rows, or rows of blocks, out over the threads.
  private func run(
    rowCount: Int, chunk: Int, _ x: Span<Float>, _ tokenCount: Int, _ y: inout MutableSpan<Float>,
    _ kernel: Kernel
  ) {
    unsafe withMatrix { matrix in
      unsafe context.share(matrix, pieceCount: rowCount, chunk: chunk, x, tokenCount, &y) { product, rows in
        var matrix = unsafe product.matrix
        unsafe kernel(&matrix, rows.lowerBound, rows.upperBound, product.x, product.tokenCount, product.y)
      }
    }
  }

  public func decodeRow(_ index: Int, into row: inout MutableSpan<Float>) {
    precondition(index >= 0 && index < shape.outputCount && row.count == shape.inputCount)
    unsafe withMatrix { matrix in
      var matrix = unsafe matrix
      unsafe row.withUnsafeMutableBufferPointer { row in
        unsafe kernels.functions.decode_row(&matrix, index, row.baseAddress)
      }
    }
  }

  /// Rows that make one piece of work: long enough to be worth handing out (some 20 µs), and for several tokens a whole
  /// number of panels, many enough for the inputs to be reused from the cache.
  private func rowsPerChunk(tokenCount: Int) -> Int {
    let panelRowCount = tokenCount == 1 ? 1 : 32
    let productsPerRow = max(1, shape.inputCount * tokenCount)
    let worthwhile = ((tokenCount == 1 ? 1 << 18 : 1 << 19) + productsPerRow - 1) / productsPerRow
    let reusing = tokenCount == 1 ? 1 : min(64, shape.outputCount / (4 * context.pool.threadCount))
    return (max(worthwhile, reusing) + panelRowCount - 1) / panelRowCount * panelRowCount
  }

  /// Lends the C description of this matrix, valid during the call.
  private func withMatrix(_ body: (cdk_matrix) -> Void) {
    storage.withBytes { bytes in
      unsafe bytes.withUnsafeBufferPointer { bytes in
        let base = bytes.baseAddress!
        var matrix = unsafe values.matrix(in: base)
        guard let units else {
          unsafe body(matrix)
          return
        }
        unsafe units.withPlaces(at: base, inputCount: shape.inputCount) { places in
          unsafe matrix.places = places
          unsafe body(matrix)
        }
      }
    }
  }
}

/// What is decoded of an encoded matrix: the whole of it, or the kept values of a sparse one.
private struct StoredValues {
  /// Dense or grouped.
  let encoding: Encoding
  let shape: MatrixShape
  /// Where they begin in the bytes of the matrix.
  let offset: Int

  /// Their C description, without places.
  func matrix(in bytes: UnsafePointer<UInt8>) -> cdk_matrix {
    let base = unsafe bytes + offset
    var matrix = unsafe cdk_matrix()
    unsafe matrix.codes = base
    unsafe matrix.output_count = shape.outputCount
    unsafe matrix.input_count = shape.inputCount
    switch encoding {
    case .dense(let type):
      unsafe matrix.type = type.code
    case .grouped(let grouped):
      let layout = grouped.layout(of: shape)
      unsafe matrix.scales = base + layout.scalesOffset
      unsafe matrix.zeros = grouped.isSymmetric ? nil : base + layout.zerosOffset
      unsafe matrix.group_element_count = grouped.groupElementCount
      unsafe matrix.bits = Int32(grouped.bits)
      unsafe matrix.type = grouped.scaleType.code
    case .trellis, .ternary, .sparse, .lowRank, .sum, .wrapped:
      preconditionFailure("\(encoding.text) is not stored so")
    }
    return unsafe matrix
  }
}

extension ElementType {
  var code: cdk_type {
    switch self {
    case .f32: CDK_F32
    case .f16: CDK_F16
    case .bf16: CDK_BF16
    }
  }
}
