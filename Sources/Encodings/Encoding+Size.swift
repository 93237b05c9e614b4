import TensorCore

extension Encoding {
  /// Bytes that a value of `shape` occupies.
  public func byteCount(of shape: MatrixShape) -> Int {
    switch self {
    case .dense(let type): shape.elementCount * type.byteCount
    case .grouped(let grouped): grouped.layout(of: shape).byteCount
    case .trellis(let trellis): trellis.layout(of: shape).byteCount
    case .ternary(let ternary): ternary.layout(of: shape).byteCount
    case .sparse, .lowRank, .sum, .wrapped: parts(of: shape).last?.byteRange.upperBound ?? 0
    }
  }

  /// Elements a value may have at most, so that no byte count overflows.
  public static let largestElementCount = 1 << 48

  /// Expressions nest at most this deep; a representation without components has depth 1.
  public static let largestDepth = 6

  /// How deep the expression nests.
  public var depth: Int {
    switch self {
    case .dense, .grouped, .trellis, .ternary: 1
    case .sparse(_, let values): 1 + values.depth
    case .wrapped(_, let core): 1 + core.depth
    case .lowRank(_, let first, let second), .sum(let first, let second): 1 + max(first.depth, second.depth)
    }
  }

  /// Whether a matrix of `shape` can be held in this encoding at all. Asked before anything else about a shape that
  /// comes from a file.
  public func accepts(_ shape: MatrixShape) -> Bool {
    depth <= Self.largestDepth && acceptsAtAnyDepth(shape) && (rowCost.map { $0 <= Self.largestRowCost } ?? false)
  }

  /// Rows of leaves that decoding one row takes at most, so that no small file makes a look-up run for ever.
  static let largestRowCost = 1 << 20

  /// Rows of leaves that decoding one row takes; nil beyond any number.
  private var rowCost: Int? {
    switch self {
    case .dense, .grouped, .trellis: return 1
    case .ternary: return TernaryLayout.bundleRowCount
    case .sparse(_, let values): return values.rowCost
    case .sum(let first, let second): return Self.sum(first.rowCost, second.rowCost)
    case .lowRank(let rank, let u, let v): return Self.sum(u.rowCost, Self.product(rank, v.rowCost))
    case .wrapped(let blocks, let core):
      return Self.sum(2, Self.product(blocks.blockElementCount, core.rowCost))
    }
  }

  private static func sum(_ a: Int?, _ b: Int?) -> Int? {
    guard let a, let b, case let (sum, overflows) = a.addingReportingOverflow(b), !overflows else { return nil }
    return sum
  }

  private static func product(_ a: Int, _ b: Int?) -> Int? {
    guard let b, case let (product, overflows) = a.multipliedReportingOverflow(by: b), !overflows else { return nil }
    return product
  }

  /// No component has more elements than the whole, so that bounding those bounds every byte count.
  private func acceptsAtAnyDepth(_ shape: MatrixShape) -> Bool {
    guard shape.outputCount > 0, shape.inputCount > 0 else { return false }
    let (count, overflows) = shape.outputCount.multipliedReportingOverflow(by: shape.inputCount)
    guard !overflows, count <= Self.largestElementCount else { return false }
    switch self {
    case .dense, .sum: break
    case .grouped(let grouped): guard shape.inputCount % grouped.groupElementCount == 0 else { return false }
    case .trellis(let trellis): guard trellis.accepts(shape) else { return false }
    case .ternary(let ternary): guard ternary.accepts(shape) else { return false }
    case .sparse(let pattern, _): guard shape.inputCount % pattern.group == 0 else { return false }
    case .lowRank(let rank, _, _):
      guard rank > 0, rank <= min(shape.outputCount, shape.inputCount) else { return false }
    case .wrapped(let blocks, _):
      let width = blocks.blockElementCount
      guard shape.outputCount % width == 0, shape.inputCount % width == 0 else { return false }
    }
    return components(of: shape).allSatisfy { $0.encoding.acceptsAtAnyDepth($0.shape) }
  }
}
