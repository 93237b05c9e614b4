import LinearAlgebra

/// Roughly standard normal numbers from a seed.
struct Normal {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  private mutating func unit() -> Double {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(state >> 11) * 0x1p-53
  }

  mutating func next() -> Double { (0..<12).reduce(-6.0) { sum, _ in sum + unit() } }

  mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float(next()) } }

  mutating func matrix(_ rowCount: Int, _ columnCount: Int) -> Matrix {
    Matrix(
      rowCount: rowCount, columnCount: columnCount, elements: (0..<rowCount * columnCount).map { _ in next() })
  }
}

extension Matrix {
  static func identity(_ count: Int) -> Matrix { diagonal([Double](repeating: 1, count: count)) }

  static func diagonal(_ values: [Double]) -> Matrix {
    var result = Matrix(rowCount: values.count, columnCount: values.count)
    for (index, value) in values.enumerated() { result[index, index] = value }
    return result
  }

  /// Infinite where a difference is NaN.
  func largestDifference(from other: Matrix) -> Double {
    zip(elements, other.elements).reduce(0) { largest, pair in
      let difference = abs(pair.0 - pair.1)
      return difference.isNaN ? .infinity : max(largest, difference)
    }
  }
}
