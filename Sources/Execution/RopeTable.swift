import Glibc
import ModelGraph

/// Cosines and sines of rotary embeddings, for positions from 0 to the highest asked for so far.
///
/// Angles are computed in double precision and rounded once.
final class RopeTable {
  struct Key: Hashable {
    let headWidth: Int
    let base: Double
    let scaling: RopeScaling
  }

  private let frequencies: [Double]
  /// (position, headWidth / 2).
  private var cosines: [Float] = []
  private var sines: [Float] = []

  init(_ key: Key) { frequencies = Self.frequencies(key) }

  /// Radians per position of each pair of elements of a head.
  static func frequencies(_ key: Key) -> [Double] {
    (0..<key.headWidth / 2).map { pair in
      key.scaling.scaled(pow(key.base, -2 * Double(pair) / Double(key.headWidth)))
    }
  }

  /// Lends the cosines and sines of `positions`.
  func withAngles<Result>(_ positions: Range<Int>, _ body: (RopeAngles) -> Result) -> Result {
    grow(to: positions.upperBound)
    return body(
      RopeAngles(cosines: cosines, sines: sines, firstPosition: positions.lowerBound, pairCount: frequencies.count))
  }

  private func grow(to positionCount: Int) {
    let present = frequencies.isEmpty ? positionCount : cosines.count / frequencies.count
    guard present < positionCount else { return }
    let wanted = max(positionCount, 2 * present, 64)
    cosines.reserveCapacity(wanted * frequencies.count)
    sines.reserveCapacity(wanted * frequencies.count)
    for position in present..<wanted {
      for frequency in frequencies {
        let angle = Double(position) * frequency
        cosines.append(Float(cos(angle)))
        sines.append(Float(sin(angle)))
      }
    }
  }
}

/// The cosines and sines of the positions of one chunk.
struct RopeAngles: Sendable {
  fileprivate let cosines: [Float]
  fileprivate let sines: [Float]
  fileprivate let firstPosition: Int
  fileprivate let pairCount: Int

  /// Turns every head of `row`, the row of the chunk's token number `token`.
  func turn(_ row: inout MutableSpan<Float>, token: Int) {
    let angles = (firstPosition + token) * pairCount..<(firstPosition + token + 1) * pairCount
    let cosines = cosines.span.extracting(angles)
    let sines = sines.span.extracting(angles)
    for head in stride(from: 0, to: row.count, by: 2 * pairCount) {
      for pair in 0..<pairCount {
        let (a, b) = (row[head + pair], row[head + pairCount + pair])
        row[head + pair] = a * cosines[pair] - b * sines[pair]
        row[head + pairCount + pair] = b * cosines[pair] + a * sines[pair]
      }
    }
  }
}

extension RopeScaling {
  /// `frequency` as stretched to the longer context.
  func scaled(_ frequency: Double) -> Double {
    switch self {
    case .none: return frequency
    case .linear(let factor): return frequency / factor
    case .llama3(let factor, let lowFrequencyFactor, let highFrequencyFactor, let originalContextLength):
      // Turns that a pair makes within the original context.
      let turns = Double(originalContextLength) * frequency / (2 * Double.pi)
      if turns < lowFrequencyFactor { return frequency / factor }
      if turns > highFrequencyFactor { return frequency }
      let share = (turns - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor)
      return (1 - share) * frequency / factor + share * frequency
    }
  }
}
