import Glibc
import TensorCore

/// The change of one row of logits in coordinates whose squared length is twice the KL divergence to second order:
/// √p·(r − Σ p·r), p = softmax(reference), r = candidate − reference.
///
/// The most likely tokens have a coordinate each; the others share a few, each with a sign drawn by token and position,
/// so that dot products of two changes stay right on average.
enum FisherCoordinates {
  /// Coordinates of the most likely tokens.
  private static let likelyCount = 64
  /// Coordinates of all others.
  private static let sharedCount = 16
  static let count = likelyCount + sharedCount

  /// - Parameter scale: multiplies every coordinate.
  static func change(
    from reference: Span<Float>, to candidate: Span<Float>, position: Int, scale: Float
  ) -> [Float] {
    var peak = -Float.infinity
    for index in reference.indices { peak = max(peak, reference[index]) }
    var weights = [Float](repeating: 0, count: reference.count)
    var total = 0.0, weighted = 0.0
    for index in reference.indices {
      let weight = expf(reference[index] - peak)
      weights[index] = weight
      total += Double(weight)
      weighted += Double(weight) * Double(candidate[index] - reference[index])
    }
    let mean = Float(weighted / total), norm = scale / Float(total.squareRoot())
    func coordinate(_ index: Int) -> Float {
      norm * weights[index].squareRoot() * (candidate[index] - reference[index] - mean)
    }
    var changes = [Float](repeating: 0, count: count)
    var isLikely = [Bool](repeating: false, count: reference.count)
    for (place, index) in likeliest(reference).enumerated() {
      changes[place] = coordinate(index)
      isLikely[index] = true
    }
    for index in reference.indices where !isLikely[index] {
      let draw = hash(token: index, position: position)
      let value = coordinate(index)
      changes[likelyCount + Int(draw >> 1) % sharedCount] += draw & 1 == 0 ? value : -value
    }
    return changes
  }

  /// The indices of the largest logits, of equals the lower, in ascending order of index.
  private static func likeliest(_ logits: Span<Float>) -> [Int] {
    guard logits.count > likelyCount else { return Array(logits.indices) }
    let sorted = logits.indices.map { logits[$0] }.sorted(by: >)
    let threshold = sorted[likelyCount - 1]
    var places = likelyCount - sorted.prefix(likelyCount).count { $0 > threshold }
    return logits.indices.filter { index in
      if logits[index] > threshold { return true }
      guard logits[index] == threshold, places > 0 else { return false }
      places -= 1
      return true
    }
  }

  /// Bits that look random, always the same.
  private static func hash(token: Int, position: Int) -> UInt64 {
    var generator = SplitMix64(seed: UInt64(token) << 32 | UInt64(position))
    return generator.next()
  }
}
