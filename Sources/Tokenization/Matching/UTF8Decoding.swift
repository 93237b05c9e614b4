/// Scalars read from bytes that are known to be UTF-8.
enum UTF8Decoding {
  /// The number of bytes of the scalar that begins with `lead`.
  @inline(__always) static func byteCount(lead: UInt8) -> Int {
    lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
  }

  /// The scalar at `position`, which must be the first of its bytes.
  static func scalar(_ text: [UInt8], at position: Int) -> (scalar: Unicode.Scalar, byteCount: Int) {
    let lead = text[position]
    guard lead >= 0x80 else { return (Unicode.Scalar(lead), 1) }
    let byteCount = byteCount(lead: lead)
    var value = UInt32(lead) & (0x7F >> UInt32(byteCount))
    for offset in 1..<byteCount { value = value << 6 | UInt32(text[position + offset] & 0x3F) }
    return (Unicode.Scalar(value) ?? "\u{FFFD}", byteCount)
  }

  /// The scalar that ends before `position`, and where it begins.
  static func scalar(_ text: [UInt8], before position: Int) -> (scalar: Unicode.Scalar, start: Int) {
    var start = position - 1
    while text[start] & 0xC0 == 0x80 { start -= 1 }
    return (scalar(text, at: start).scalar, start)
  }
}
