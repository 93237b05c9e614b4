/// Looks for NaN and infinity.
public enum Finiteness {
  /// Index of the first element that is NaN or infinite, nil when all are finite.
  public static func firstNonFinite(in values: Span<Float>) -> Int? {
    let stretch = 64
    let exponent: UInt32 = 0x7F80_0000
    var start = 0
    while start &+ stretch <= values.count {
      var largest: UInt32 = 0
      for index in start..<start &+ stretch { largest = max(largest, values[index].bitPattern & exponent) }
      if largest == exponent { break }
      start &+= stretch
    }
    while start < values.count {
      if !values[start].isFinite { return start }
      start &+= 1
    }
    return nil
  }
}
