import TensorCore

/// Bulk conversion between floats and dense elements, little-endian, in loops a compiler turns into vector code.
///
/// Conversions agree with `HalfPrecision` bit for bit; they have no branches, which is what makes them fast.
public enum DenseCodec {
  /// The elements of `bytes`, whose count must be a multiple of the element's.
  public static func decode(_ bytes: Span<UInt8>, as type: ElementType) -> [Float] {
    precondition(bytes.count % type.byteCount == 0)
    var values = [Float](repeating: 0, count: bytes.count / type.byteCount)
    var span = values.mutableSpan
    decode(bytes, as: type, into: &span)
    return values
  }

  /// Decodes `values.count` elements, which must be what `bytes` holds.
  public static func decode(_ bytes: Span<UInt8>, as type: ElementType, into values: inout MutableSpan<Float>) {
    precondition(bytes.count == values.count * type.byteCount)
    switch type {
    case .f32:
      for index in values.indices {
        let low = word(bytes, at: 4 &* index), high = word(bytes, at: 4 &* index &+ 2)
        values[index] = Float(bitPattern: low | high << 16)
      }
    case .f16: for index in values.indices { values[index] = float(fromHalf: word(bytes, at: 2 &* index)) }
    case .bf16: for index in values.indices { values[index] = Float(bitPattern: word(bytes, at: 2 &* index) << 16) }
    }
  }

  /// `values` as elements of `type`, rounded to nearest, ties to even; what is too large becomes infinity.
  public static func encode(_ values: Span<Float>, as type: ElementType) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: values.count * type.byteCount)
    var span = bytes.mutableSpan
    encode(values, as: type, into: &span)
    return bytes
  }

  /// Encodes `values` into `bytes`, which must have the room exactly.
  public static func encode(_ values: Span<Float>, as type: ElementType, into bytes: inout MutableSpan<UInt8>) {
    precondition(bytes.count == values.count * type.byteCount)
    switch type {
    case .f32:
      for index in values.indices {
        let bits = values[index].bitPattern
        store(bits & 0xFFFF, into: &bytes, at: 4 &* index)
        store(bits >> 16, into: &bytes, at: 4 &* index &+ 2)
      }
    case .f16: for index in values.indices { store(halfBits(values[index]), into: &bytes, at: 2 &* index) }
    case .bf16: for index in values.indices { store(bfloatBits(values[index]), into: &bytes, at: 2 &* index) }
    }
  }

  /// `value` as it comes back from being stored as `type`.
  @inline(__always) static func rounded(_ value: Float, to type: ElementType) -> Float {
    switch type {
    case .f32: value
    case .f16: float(fromHalf: halfBits(value))
    case .bf16: Float(bitPattern: bfloatBits(value) << 16)
    }
  }

  @inline(__always) private static func word(_ bytes: Span<UInt8>, at offset: Int) -> UInt32 {
    UInt32(bytes[offset]) | UInt32(bytes[offset &+ 1]) << 8
  }

  @inline(__always) private static func store(_ word: UInt32, into bytes: inout MutableSpan<UInt8>, at offset: Int) {
    bytes[offset] = UInt8(truncatingIfNeeded: word)
    bytes[offset &+ 1] = UInt8(truncatingIfNeeded: word >> 8)
  }

  @inline(__always) private static func bfloatBits(_ value: Float) -> UInt32 {
    let bits = value.bitPattern
    return bits & 0x7FFF_FFFF > 0x7F80_0000 ? bits >> 16 | 0x40 : (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16
  }

  @inline(__always) private static func halfBits(_ value: Float) -> UInt32 {
    let bits = value.bitPattern
    let magnitude = bits & 0x7FFF_FFFF
    let normal = (magnitude &+ 0xFFF &+ (magnitude >> 13 & 1) &- 0x3800_0000) >> 13
    // Below 2^-14: adding 0.5 moves the last bit of a half subnormal, 2^-24, into the last bit of the sum.
    let subnormal = (Float(bitPattern: magnitude) + 0.5).bitPattern &- 0x3F00_0000
    let special = magnitude > 0x7F80_0000 ? 0x7E00 | (magnitude >> 13 & 0x3FF) : 0x7C00
    return bits >> 16 & 0x8000 | (magnitude >= 0x477F_F000 ? special : magnitude < 0x3880_0000 ? subnormal : normal)
  }

  @inline(__always) private static func float(fromHalf half: UInt32) -> Float {
    let sign = (half & 0x8000) << 16
    let magnitude = (half & 0x7FFF) << 13
    // Multiplying by 2^112 moves the exponent bias from 15 to 127 and makes subnormals normal.
    let finite = (Float(bitPattern: magnitude) * 0x1p112).bitPattern
    let special = magnitude | 0x7000_0000 | (magnitude > 0x0F80_0000 ? 0x0040_0000 : 0)
    return Float(bitPattern: sign | (magnitude >= 0x0F80_0000 ? special : finite))
  }
}
