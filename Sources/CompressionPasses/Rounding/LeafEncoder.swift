import DecodeKernels
import Encodings
import LinearAlgebra
import PassKit
import TensorCore

/// Gives the floating-point leaves of a value new encodings, each seeing the inputs that reach it.
struct LeafEncoder: Sendable {
  let encoder: MatrixEncoder
  let ternary: TernaryEncoder
  let context: KernelContext

  /// - Parameter ternary: nil for one that damps as ternary weights need it.
  init(encoder: MatrixEncoder, ternary: TernaryEncoder? = nil, context: KernelContext) {
    self.encoder = encoder
    self.ternary = ternary ?? TernaryEncoder(order: encoder.order)
    self.context = context
  }

  /// Whether a dense matrix of `shape` can be given `encoding`.
  static func canMake(_ encoding: Encoding, of shape: MatrixShape) -> Bool {
    if case .ternary = encoding { return encoding.accepts(shape) }
    return MatrixEncoder.canMake(encoding, of: shape)
  }

  /// A value in its new encoding.
  struct Result: Sendable {
    var bytes: [UInt8]
    /// The one asked for, or where that is a bound what it became.
    var encoding: Encoding
    /// How far the weights of the value are from what they were, where its leaves say so.
    var error: WeightError?
    /// The mean squared change of the output, where one leaf says so.
    var outputError: Double?
    var lacksFeedback = false
  }

  /// - Parameters:
  ///   - storage: the bytes of a value of `shape`.
  ///   - after: `before` with other leaves in place of the floating-point ones, or for a dense value whatever a
  ///     `MatrixEncoder` can make, or ternary weights.
  /// - Throws: `WeightFault`.
  func encode(
    _ storage: any ByteStorage, from before: Encoding, to after: Encoding, shape: MatrixShape, inputs: InputKnowledge
  ) throws -> Result {
    if before == after {
      return Result(bytes: storage.withBytes { span in span.indices.map { span[$0] } }, encoding: after)
    }
    switch (before, after) {
    case (.dense(let type), _):
      return try encode(storage.withBytes { DenseCodec.decode($0, as: type) }, shape, to: after, inputs, masks: nil)
    case (.sparse(let pattern, .dense(let type)), .sparse):
      let part = before.parts(of: shape)[0]
      let kept = storage.withBytes(part.byteRange) { DenseCodec.decode($0, as: type) }
      let masks = storage.withBytes(0..<pattern.placesByteCount(of: shape)) { pattern.masks(of: $0, shape: shape) }
      return try encode(spread(kept, over: masks, pattern), shape, to: after, inputs, masks: masks)
    default: return try encodeParts(storage, from: before, to: after, shape: shape, inputs: inputs)
    }
  }

  private func encode(
    _ weights: [Float], _ shape: MatrixShape, to encoding: Encoding, _ inputs: InputKnowledge, masks: [UInt16]?
  ) throws -> Result {
    try WeightFault.requireFinite(weights.span, rowElementCount: shape.inputCount)
    let value: EncodedMatrixValue
    var result = encoding
    if case .ternary(let bound) = encoding {
      let encoded = try ternary.encode(weights, shape: shape, to: bound, inputs: inputs, pool: context.pool)
      value = encoded.error
      result = .ternary(encoded.value.encoding)
    } else {
      value = try encoder.encode(
        weights, shape: shape, to: encoding, inputs: inputs, masks: masks, pool: context.pool)
    }
    let squaredNorm = weights.reduce(0.0) { $0 + Double($1) * Double($1) }
    return Result(
      bytes: value.bytes, encoding: result,
      error: WeightError(squaredError: value.squaredError, squaredNorm: squaredNorm),
      outputError: value.outputError, lacksFeedback: value.lacksFeedback)
  }

  private func encodeParts(
    _ storage: any ByteStorage, from before: Encoding, to after: Encoding, shape: MatrixShape, inputs: InputKnowledge
  ) throws -> Result {
    let old = before.parts(of: shape), new = after.parts(of: shape)
    precondition(old.map(\.role) == new.map(\.role), "\(before.text) cannot become \(after.text)")
    var parts = [[UInt8]](repeating: [], count: old.count)
    var lacksFeedback = false
    // From the last to the first: what reaches a part is what those after it make of the inputs.
    var inputs = inputs
    for index in old.indices.reversed() {
      let slice = ByteSlice(storage, old[index].byteRange)
      let part = try encode(
        slice, from: old[index].encoding, to: new[index].encoding, shape: old[index].shape, inputs: inputs)
      parts[index] = part.bytes
      lacksFeedback = lacksFeedback || part.lacksFeedback
      switch old[index].role {
      case .v: inputs = inputs.mapped(by: try matrix(of: part.bytes, new[index]))
      case .inputBlocks: inputs = inputs.mapped(by: Self.blockDiagonal(try matrix(of: part.bytes, new[index])))
      case .u, .firstTerm, .secondTerm, .core, .outputBlocks, .keptValues: break
      }
    }
    return Result(
      bytes: CompositeValue.bytes(of: after, shape: shape, parts: parts), encoding: after,
      lacksFeedback: lacksFeedback)
  }

  /// The kept elements in their places, zeros elsewhere.
  private func spread(_ kept: [Float], over masks: [UInt16], _ pattern: SparsePattern) -> [Float] {
    var weights = [Float](repeating: 0, count: masks.count * pattern.group)
    var next = 0
    for (index, mask) in masks.enumerated() {
      for place in 0..<pattern.group where mask &>> UInt16(place) & 1 == 1 {
        weights[index &* pattern.group &+ place] = kept[next]
        next &+= 1
      }
    }
    return weights
  }

  private func matrix(of bytes: [UInt8], _ part: EncodingPart) throws -> Matrix {
    let weights = try WeightMatrix.bind(
      encoding: part.encoding, shape: part.shape, storage: InMemoryBytes(bytes), context: context
    ).decoded()
    return Matrix(rowCount: part.shape.outputCount, columnCount: part.shape.inputCount, floats: weights)
  }

  /// The square matrix whose blocks on the diagonal stand below one another in `blocks`.
  private static func blockDiagonal(_ blocks: Matrix) -> Matrix {
    var matrix = Matrix(rowCount: blocks.rowCount, columnCount: blocks.rowCount)
    for row in 0..<blocks.rowCount {
      let first = row / blocks.columnCount * blocks.columnCount
      for column in 0..<blocks.columnCount { matrix[row, first + column] = blocks[row, column] }
    }
    return matrix
  }
}

extension InputKnowledge {
  /// What is known of V·x; mean squares as if the elements of x had nothing to do with one another.
  func mapped(by v: Matrix) -> InputKnowledge {
    switch self {
    case .none: return .none
    case .gram(let gram): return .gram(gram.mapped(by: v))
    case .meanSquares(let means):
      return .meanSquares(
        (0..<v.rowCount).map { row in
          Float(means.indices.reduce(0.0) { $0 + v[row, $1] * v[row, $1] * Double(means[$1]) })
        })
    }
  }
}
