import Glibc
import ModelGraph
import TensorCore

/// A relative bias ready to be looked up.
struct BucketedBias: Sendable {
  private let headCount: Int
  private let sideCount: Int
  /// (bucket, head).
  private let table: [Float]
  /// The bucket of each distance at or before the query, up to the first of those that share the last bucket.
  private let buckets: [Int]

  init(_ bias: RelativeBias, of attention: Attention, _ binder: inout Binder) throws {
    let headCount = attention.headCount
    self.headCount = headCount
    sideCount = bias.bucketCountPerSide(under: attention.mask)
    let operation = try binder.linear(bias.table, outputCount: bias.bucketCount, inputCount: headCount)
    var table = [Float](repeating: 0, count: bias.bucketCount * headCount)
    for bucket in 0..<bias.bucketCount {
      table.lend(bucket * headCount..<(bucket + 1) * headCount) { operation.decodeRow(bucket, into: &$0) }
    }
    self.table = table
    buckets = Self.buckets(count: sideCount, distanceLimit: bias.distanceLimit)
  }

  /// What one head adds for each position as a query sees it.
  struct Seen: Sendable {
    fileprivate let bias: BucketedBias
    fileprivate let query: Int
    fileprivate let head: Int

    subscript(position: Int) -> Float {
      let distance = min(abs(query - position), bias.buckets.count - 1)
      let bucket = bias.buckets[distance] + (position > query ? bias.sideCount : 0)
      return bias.table[bucket * bias.headCount + head]
    }
  }

  func seen(from query: Int, byHead head: Int) -> Seen { Seen(bias: self, query: query, head: head) }

  /// The buckets of the distances 0 … `distanceLimit`, in single precision as the models were trained with.
  static func buckets(count: Int, distanceLimit: Int) -> [Int] {
    let nearCount = count / 2
    let ratio = Float(log(Double(distanceLimit) / Double(nearCount)))
    return (0...distanceLimit).map { distance in
      guard distance >= nearCount else { return distance }
      let share = logf(Float(distance) / Float(nearCount)) / ratio
      return min(count - 1, nearCount + Int(share * Float(count - nearCount)))
    }
  }
}
