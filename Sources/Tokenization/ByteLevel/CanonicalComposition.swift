@_spi(_Unicode) import Swift

/// Unicode normalisation form C (UAX #15), by the standard library's own tables.
enum CanonicalComposition {
  /// The composed text, nil when it is composed already as far as a look at its scalars tells.
  static func composed(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    let string = String(decoding: text, as: UTF8.self)
    if string.unicodeScalars.allSatisfy(isInert) { return nil }
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    for scalar in string._nfc { result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter) }
    return result
  }

  /// Blocks of scalars that neither change nor join with others; text made of them needs no work.
  private static func isInert(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    // Latin, most of Cyrillic, general punctuation, kana, Han, composed Hangul.
    case ..<0x300, 0x400...0x482, 0x2010...0x2027, 0x3041...0x3096, 0x30A1...0x30FA, 0x4E00...0x9FFF,
      0xAC00...0xD7A3:
      true
    default: false
    }
  }
}
