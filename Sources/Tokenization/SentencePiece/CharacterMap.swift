/// A compiled normalisation rule: strings of UTF-8 and what they become, found by a double-array trie.
///
/// The bytes are a `u32` byte count, as many bytes of trie units (`u32` each), then replacement strings that end in a
/// zero byte. A unit holds the offset to its children in its upper 22 bits, shifted left by 8 more when bit 9 is set;
/// bit 8 says that a match ends there; the lower byte is its label; a unit with bit 31 set holds a value.
struct CharacterMap: Sendable {
  private var units: [UInt32] = []
  private var strings: [UInt8] = []

  /// - Throws: `TokenizerError.badCharacterMap` when the parts do not fit the bytes.
  init(_ bytes: [UInt8]) throws(TokenizerError) {
    guard !bytes.isEmpty else { return }
    func unit(_ position: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[position + $1]) << UInt32(8 * $1) } }
    guard bytes.count >= 4 else { throw .badCharacterMap(reason: "it is shorter than its own length field") }
    let trieByteCount = Int(unit(0))
    guard trieByteCount % 4 == 0, trieByteCount > 0, trieByteCount <= bytes.count - 4 else {
      throw .badCharacterMap(reason: "its trie takes \(trieByteCount) of \(bytes.count - 4) bytes")
    }
    units = stride(from: 4, to: 4 + trieByteCount, by: 4).map(unit)
    strings = Array(bytes[(4 + trieByteCount)...])
    guard strings.isEmpty || strings.last == 0 else {
      throw .badCharacterMap(reason: "its last replacement does not end")
    }
    guard String(validating: strings, as: UTF8.self) != nil else {
      throw .badCharacterMap(reason: "its replacements are not UTF-8")
    }
  }

  var isEmpty: Bool { units.isEmpty }

  /// The longest rule that `text[start..<end]` begins with: its replacement and where it ends. A walk that leaves the
  /// trie, or a replacement that lies outside the strings, is no match.
  func longestMatch(in text: [UInt8], from start: Int, to end: Int) -> (replacement: ArraySlice<UInt8>, end: Int)? {
    guard let root = units.first else { return nil }
    var best: (value: Int, end: Int)?
    var node = Self.offset(root)
    for position in start..<end {
      node ^= Int(text[position])
      guard node < units.count, units[node] & 0x8000_00FF == UInt32(text[position]) else { break }
      let unit = units[node]
      node ^= Self.offset(unit)
      if unit & 0x100 != 0 {
        guard node < units.count else { break }
        best = (Int(units[node] & 0x7FFF_FFFF), position + 1)
      }
    }
    guard let best, best.value < strings.count, let stop = strings[best.value...].firstIndex(of: 0),
      best.value == 0 || strings[best.value] & 0xC0 != 0x80
    else { return nil }
    return (strings[best.value..<stop], best.end)
  }

  private static func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & 0x200) >> 6)) }
}
