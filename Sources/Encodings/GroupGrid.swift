/// The parameters of one group exactly as they are stored: a decoded element is `scale · (code − zero)`.
public struct GroupGrid: Sendable, Equatable {
  /// A value of the encoding's scale type.
  public let scale: Float
  /// Zero point in codes: `zeroByte / 2^(8 − bits)`, or 2^(bits−1) when symmetric.
  public let zero: Float
  public let zeroByte: UInt8
  /// 1 / scale, or 0 where there is no such number.
  public let inverse: Float

  init(scale: Float, zero: Float, zeroByte: UInt8, inverse: Float) {
    self.scale = scale
    self.zero = zero
    self.zeroByte = zeroByte
    self.inverse = inverse
  }

  /// With the zero point an asymmetric encoding can store that is nearest to `zero`.
  init(scale: Float, zero: Float, inverse: Float, _ encoding: GroupedEncoding) {
    let steps = Float(1 << (8 - encoding.bits))
    // Adding 1.5·2^23 to a small number leaves no digits after the point: it rounds, where a call would be slow.
    let byte = UInt8(truncatingIfNeeded: (min(max(zero * steps, 0), 255) + 0x1.8p23).bitPattern)
    self.init(scale: scale, zero: Float(byte) / steps, zeroByte: byte, inverse: inverse)
  }
}
