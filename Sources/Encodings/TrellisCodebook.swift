/// From the state of a row to its value, before the scale.
///
/// The value is a sum of four bytes of a product, which over all states is close to a normal distribution of deviation
/// 1.16; it needs no table. The idea is QTIP's "1MAC" (arXiv 2406.11235, §3.1.1). This multiplier was searched for: of
/// some thousand, with states of 12 bits, it leaves the least mean squared error on Gaussian values at 2, 3 and 4 bits.
public enum TrellisCodebook {
  /// Bits of a state.
  public static let stateBitCount = 12
  public static let multiplier: UInt32 = 575_547_799

  /// The value of a state, a multiple of 1/128 in −4…3.97.
  public static func value(of state: Int) -> Float {
    let product = UInt32(state) &* multiplier
    let sum = (0..<4).reduce(0) { $0 + Int(Int8(truncatingIfNeeded: product >> UInt32(8 * $1))) }
    return Float(sum) / 128
  }
}
