/// A hash of byte strings, seeded anew for every index so that no file can be made to collide in it.
struct ByteHash: Sendable {
  private let seed = UInt64(bitPattern: Int64(Hasher().finalize())) | 1

  func callAsFunction(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64 {
    var state = seed ^ UInt64(truncatingIfNeeded: range.count)
    for index in range { state = Self.mix(state ^ UInt64(bytes[index]), 0x9E37_79B9_7F4A_7C15) }
    return Self.mix(state, seed)
  }

  func callAsFunction(_ key: UInt64) -> UInt64 { Self.mix(key ^ seed, 0x9E37_79B9_7F4A_7C15) }

  /// Both halves of the 128-bit product, folded.
  @inline(__always) private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }
}
