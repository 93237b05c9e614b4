/// Bit-exact conversions between Float and the 16-bit types, rounding to nearest, ties to even.
public enum HalfPrecision {
  public static func float(fromBFloat16Bits bits: UInt16) -> Float {
    Float(bitPattern: UInt32(bits) << 16)
  }

  /// NaN stays NaN; a value too large becomes infinity.
  public static func bfloat16Bits(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
  }

  public static func float(fromFloat16Bits bits: UInt16) -> Float {
    Float(Float16(bitPattern: bits))
  }

  public static func float16Bits(_ value: Float) -> UInt16 {
    Float16(value).bitPattern
  }
}
