import TensorCore

/// One component of a composite value: a value of its own within the bytes of the whole.
public struct EncodingPart: Sendable, Hashable {
  /// What a component is to the whole.
  public enum Role: Sendable, Hashable {
    /// The values kept by a sparse encoding.
    case keptValues
    case u, v
    case firstTerm, secondTerm
    /// A of A·C·B, as (outputCount, block): row r holds its row of the block it lies in.
    case outputBlocks
    case core
    /// B of A·C·B, as (inputCount, block).
    case inputBlocks
  }

  public let role: Role
  public let encoding: Encoding
  public let shape: MatrixShape
  /// Where its bytes lie within the value.
  public let byteRange: Range<Int>
}

extension Encoding {
  /// The components of a value of `shape`, in the order of their bytes; none for a representation that has none.
  ///
  /// Each begins at a multiple of 64 bytes. What lies before the first one of a sparse value are its places.
  public func parts(of shape: MatrixShape) -> [EncodingPart] {
    var offset = placesByteCount(of: shape)
    return components(of: shape).map { role, encoding, shape in
      let first = GroupedLayout.aligned(offset)
      offset = first + encoding.byteCount(of: shape)
      return EncodingPart(role: role, encoding: encoding, shape: shape, byteRange: first..<offset)
    }
  }

  /// Bytes of the places that a value of `shape` begins with: 0 unless sparse.
  public func placesByteCount(of shape: MatrixShape) -> Int {
    if case .sparse(let pattern, _) = self { pattern.placesByteCount(of: shape) } else { 0 }
  }

  /// What ``parts(of:)`` lays out, for a shape whose parts need not be possible.
  func components(of shape: MatrixShape) -> [(role: EncodingPart.Role, encoding: Encoding, shape: MatrixShape)] {
    let (rows, columns) = (shape.outputCount, shape.inputCount)
    switch self {
    case .dense, .grouped, .trellis, .ternary: return []
    case .sparse(let pattern, let values):
      return [
        (.keptValues, values, MatrixShape(outputCount: rows, inputCount: pattern.keptCount(of: columns)))
      ]
    case .lowRank(let rank, let u, let v):
      return [
        (.u, u, MatrixShape(outputCount: rows, inputCount: rank)),
        (.v, v, MatrixShape(outputCount: rank, inputCount: columns)),
      ]
    case .sum(let first, let second): return [(.firstTerm, first, shape), (.secondTerm, second, shape)]
    case .wrapped(let blocks, let core):
      let (type, width) = (Encoding.dense(blocks.type), blocks.blockElementCount)
      return [
        (.outputBlocks, type, MatrixShape(outputCount: rows, inputCount: width)),
        (.core, core, shape),
        (.inputBlocks, type, MatrixShape(outputCount: columns, inputCount: width)),
      ]
    }
  }

  /// The same expression with other components, in the order of ``parts(of:)``.
  public func replacingParts(by encodings: [Encoding]) -> Encoding {
    switch self {
    case .dense, .grouped, .trellis, .ternary: self
    case .sparse(let pattern, _): .sparse(pattern, values: encodings[0])
    case .lowRank(let rank, _, _): .lowRank(rank: rank, u: encodings[0], v: encodings[1])
    case .sum: .sum(encodings[0], encodings[1])
    case .wrapped(let blocks, _): .wrapped(blocks, core: encodings[1])
    }
  }

  /// Whether the value is plain floating-point elements.
  public var isDense: Bool { if case .dense = self { true } else { false } }

  /// Whether there is a representation of floating-point elements anywhere in the expression that a later pass may
  /// make smaller: all but the blocks of a wrapper.
  public var hasDenseLeaf: Bool { hasLeaf(where: \.isDense) }

  /// Whether there is a ternary representation anywhere in the expression.
  public var hasTernaryLeaf: Bool { hasLeaf { if case .ternary = $0 { true } else { false } } }

  private func hasLeaf(where isWanted: (Encoding) -> Bool) -> Bool {
    switch self {
    case .dense, .grouped, .trellis, .ternary: isWanted(self)
    case .sparse(_, let values): values.hasLeaf(where: isWanted)
    case .lowRank(_, let u, let v): u.hasLeaf(where: isWanted) || v.hasLeaf(where: isWanted)
    case .sum(let first, let second): first.hasLeaf(where: isWanted) || second.hasLeaf(where: isWanted)
    case .wrapped(_, let core): core.hasLeaf(where: isWanted)
    }
  }
}
