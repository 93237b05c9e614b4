import Encodings
import LinearAlgebra
import TensorCore

extension MatrixEncoder {
  /// Bytes that ``encode(_:shape:to:inputs:masks:pool:)`` works in at most, the weights given to it and the value it
  /// makes included, the Gram matrix not.
  static func workingByteCount(of shape: MatrixShape, to encoding: Encoding, method: Method, threadCount: Int) -> Int {
    let (leaf, pattern): (Encoding, SparsePattern?) =
      if case .sparse(let pattern, let values) = encoding { (values, pattern) } else { (encoding, nil) }
    let (tileRowCount, searchByteCount) =
      if case .trellis = leaf {
        (TrellisRounder.tileRowCount, TrellisRounder.searchByteCount)
      } else {
        (DenseRounder.tileRowCount, 0)
      }
    // The weights of a tile, those it sets out from once places are chosen, values, errors and their copy, codes.
    let tileByteCount = tileRowCount * shape.inputCount * (5 * MemoryLayout<Float>.size + 2) + searchByteCount
    let tileCount = min(threadCount, (shape.outputCount + tileRowCount - 1) / tileRowCount)
    let maskByteCount = pattern.map { shape.elementCount / $0.group * MemoryLayout<UInt16>.size } ?? 0
    // The codes of the tiles, those of all tiles joined, and the value they become a part of.
    var valueByteCount = 3 * encoding.byteCount(of: shape)
    if case .ternary = leaf {
      // Symbols of the tiles, all of them joined, and the best value so far.
      valueByteCount += 3 * shape.elementCount
    }
    let hasTwoOrders = pattern != nil && !leaf.isDense
    let factorByteCount =
      method == .gptq ? FactorCache.byteCount(width: shape.inputCount, hasTwoOrders: hasTwoOrders) : 0
    return shape.elementCount * MemoryLayout<Float>.size + 2 * maskByteCount + tileCount * tileByteCount
      + valueByteCount + factorByteCount
  }
}

extension FactorCache {
  /// Bytes of what is derived from a Gram matrix of `width` while the last of it is made: in single precision the matrix
  /// without damping, and for each order one with damping and the ratios; in double precision, while a factor is made,
  /// the matrix in that order and its triangle.
  static func byteCount(width: Int, hasTwoOrders: Bool) -> Int {
    let single = 1 + 2 * (hasTwoOrders ? 2 : 1), double = 2
    return width * width * (single * MemoryLayout<Float>.size + double * MemoryLayout<Double>.size)
  }
}

extension LeafEncoder {
  /// Bytes that ``encode(_:from:to:shape:inputs:)`` works in at most, the Gram matrix of the inputs not included.
  static func workingByteCount(
    of shape: MatrixShape, from before: Encoding, to after: Encoding, method: MatrixEncoder.Method, threadCount: Int
  ) -> Int {
    if before == after { return before.byteCount(of: shape) }
    switch before {
    case .sparse(let pattern, .dense):
      let keptByteCount = pattern.keptCount(of: shape.inputCount) * shape.outputCount * MemoryLayout<Float>.size
      return keptByteCount
        + MatrixEncoder.workingByteCount(of: shape, to: after, method: method, threadCount: threadCount)
    case .dense:
      return MatrixEncoder.workingByteCount(of: shape, to: after, method: method, threadCount: threadCount)
    case .grouped, .trellis, .ternary, .sparse, .lowRank, .sum, .wrapped:
      let parts = zip(before.parts(of: shape), after.parts(of: shape)).map { old, new in
        workingByteCount(of: old.shape, from: old.encoding, to: new.encoding, method: method, threadCount: threadCount)
      }
      let maps = method == .gptq ? before.parts(of: shape).map(mapByteCount).reduce(0, +) : 0
      return (parts.max() ?? 0) + maps + 2 * after.byteCount(of: shape)
    }
  }

  /// Bytes for what is known of the inputs of the parts before `part`: the part as a matrix, its product with the Gram
  /// matrix, and the Gram matrix of what it makes.
  private static func mapByteCount(_ part: EncodingPart) -> Int {
    let (width, rowCount): (Int, Int)
    switch part.role {
    case .v: (width, rowCount) = (part.shape.inputCount, part.shape.outputCount)
    case .inputBlocks: (width, rowCount) = (part.shape.outputCount, part.shape.outputCount)
    case .u, .firstTerm, .secondTerm, .core, .outputBlocks, .keptValues: return 0
    }
    return (2 * width + rowCount) * rowCount * MemoryLayout<Double>.size
  }
}
