/// Order statistics of a set of numbers.
public struct Percentiles<Number: BinaryFloatingPoint & Sendable>: Sendable {
  private let sorted: [Number]

  /// - Parameter values: at least one, none of them NaN.
  public init(of values: [Number]) {
    precondition(!values.isEmpty)
    sorted = values.sorted()
  }

  /// The value at place `fraction`·(n − 1) of the sorted numbers, interpolated linearly between neighbours.
  /// - Parameter fraction: 0 (the smallest) … 1 (the largest).
  public func value(at fraction: Double) -> Double {
    let place = min(max(fraction, 0), 1) * Double(sorted.count - 1)
    let lower = Int(place)
    let upper = min(lower + 1, sorted.count - 1)
    let low = Double(sorted[lower])
    return low + (Double(sorted[upper]) - low) * (place - Double(lower))
  }
}
