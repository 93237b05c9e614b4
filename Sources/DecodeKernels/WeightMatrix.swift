import Encodings
import TensorCore

/// A weight matrix in any encoding, multiplied from its packed bytes by the kernels that its pattern has.
///
/// Work is shared out over the context's threads. Results do not depend on their number, and nothing is allocated in
/// steady state.
public struct WeightMatrix: LinearOperator {
  public let encoding: Encoding
  public let shape: MatrixShape

  private let operation: any LinearOperator
  private let context: KernelContext

  /// The matrix of `shape` whose value in `encoding` is the bytes of `storage`, which are lent again for every call.
  /// - Throws: `KernelError` when the encoding does not accept the shape, or the bytes are too few or too many.
  public static func bind(
    encoding: Encoding, shape: MatrixShape, storage: any ByteStorage, context: KernelContext
  ) throws(KernelError) -> WeightMatrix {
    guard encoding.accepts(shape) else { throw .shapeNotAccepted(encoding, shape) }
    guard storage.byteCount == encoding.byteCount(of: shape) else {
      throw .wrongByteCount(encoding, shape, found: storage.byteCount)
    }
    return WeightMatrix(
      encoding: encoding, shape: shape, operation: try operation(encoding, shape, storage, context), context: context)
  }

  public func apply(_ x: Span<Float>, tokenCount: Int, into y: inout MutableSpan<Float>) {
    operation.apply(x, tokenCount: tokenCount, into: &y)
  }

  public func decodeRow(_ index: Int, into row: inout MutableSpan<Float>) { operation.decodeRow(index, into: &row) }

  /// All rows as `decodeRow` gives them, row-major.
  public func decoded() -> [Float] {
    var elements = [Float](repeating: 0, count: shape.elementCount)
    var span = elements.mutableSpan
    let width = shape.inputCount
    let rowsPerChunk = max(1, (1 << 16) / width)
    context.pool.forEachChunk(of: &span, chunkLength: rowsPerChunk * width) { chunk, rows in
      for row in 0..<rows.count / width {
        var elements = rows._mutatingExtracting(row * width..<(row + 1) * width)
        operation.decodeRow(chunk * rowsPerChunk + row, into: &elements)
      }
    }
    return elements
  }

  private static func operation(
    _ encoding: Encoding, _ shape: MatrixShape, _ storage: any ByteStorage, _ context: KernelContext
  ) throws(KernelError) -> any LinearOperator {
    if EncodedMatrix.multiplies(encoding) {
      return try EncodedMatrix(encoding: encoding, shape: shape, storage: storage, context: context)
    }
    let parts = encoding.parts(of: shape)
    func part(_ index: Int) throws(KernelError) -> any LinearOperator {
      let part = parts[index]
      return try operation(part.encoding, part.shape, ByteSlice(storage, part.byteRange), context)
    }
    func blocks(_ index: Int) throws(KernelError) -> EncodedMatrix {
      let part = parts[index]
      return try EncodedMatrix(
        encoding: part.encoding, shape: part.shape, storage: ByteSlice(storage, part.byteRange), context: context)
    }
    switch encoding {
    case .dense, .grouped: preconditionFailure("\(encoding.text) is an encoded matrix")
    case .trellis(let trellis):
      return TrellisMatrix(encoding: trellis, shape: shape, storage: storage, context: context)
    case .ternary(let ternary):
      return TernaryMatrix(encoding: ternary, shape: shape, storage: storage, context: context)
    case .sparse(let pattern, _):
      return SpreadMatrix(pattern: pattern, shape: shape, places: storage, kept: try part(0), context: context)
    case .lowRank: return LowRankMatrix(u: try part(0), v: try part(1), context: context)
    case .sum: return SumMatrix(first: try part(0), second: try part(1), context: context)
    case .wrapped:
      return WrappedMatrix(
        outputBlocks: try blocks(0), core: try part(1), inputBlocks: try blocks(2), context: context)
    }
  }
}

/// How a product with a matrix is computed.
public enum KernelCoverage: Sendable {
  /// Kernels multiply every part from its packed bytes.
  case fused
  /// Rows of some part are decoded as a whole and then multiplied.
  case rowByRow
}

extension Encoding {
  /// How products with matrices in this encoding are computed.
  public var kernelCoverage: KernelCoverage {
    switch self {
    case .dense, .grouped, .trellis, .ternary: .fused
    case .sparse: EncodedMatrix.multiplies(self) ? .fused : .rowByRow
    case .wrapped(_, let core): core.kernelCoverage
    case .lowRank(_, let first, let second), .sum(let first, let second):
      first.kernelCoverage == .fused ? second.kernelCoverage : .rowByRow
    }
  }
}
