/// A learned number for each head and each bucket of distances between query and key (Raffel et al. 2020, §2.1).
///
/// Without a look ahead all buckets are for keys at or before the query; a bidirectional attention gives the upper half
/// of them to the keys behind it. Of the n buckets on one side the first n / 2 hold one distance each, the others ranges
/// that grow by a constant ratio up to `distanceLimit`, and the last one everything beyond.
public struct RelativeBias: Hashable, Sendable {
  /// Parameter (bucketCount, headCount).
  public let table: String
  public let bucketCount: Int
  /// The distance from which on all share the last bucket.
  public let distanceLimit: Int
  public init(table: String, bucketCount: Int, distanceLimit: Int) {
    self.table = table
    self.bucketCount = bucketCount
    self.distanceLimit = distanceLimit
  }

  /// Largest ``distanceLimit``.
  public static let distanceBound = 1 << 16

  /// Buckets for the distances on one side of a query.
  public func bucketCountPerSide(under mask: AttentionMask) -> Int {
    mask == .bidirectional ? bucketCount / 2 : bucketCount
  }
}

extension RelativeBias {
  func verify(under mask: AttentionMask) throws(GraphError) {
    guard mask != .cross else { throw .attribute("bias", table, "needs positions of one sequence, not mask=cross") }
    let least = mask == .bidirectional ? 4 : 2
    guard (least...GraphLimits.dimension).contains(bucketCount), bucketCount % least == 0 else {
      throw .attribute("buckets", bucketCount, "must be a multiple of \(least)")
    }
    let nearCount = bucketCountPerSide(under: mask) / 2
    guard distanceLimit > nearCount, distanceLimit <= Self.distanceBound else {
      throw .attribute("distance", distanceLimit, "must lie in \(nearCount + 1)…\(Self.distanceBound)")
    }
  }

  /// Nil when the fields name no bias.
  init?(fields: inout FieldParser) throws(GraphError) {
    guard let table = try fields.parameterIfPresent("bias") else { return nil }
    self.init(
      table: table, bucketCount: try fields.integer("buckets"), distanceLimit: try fields.integer("distance"))
  }
}
