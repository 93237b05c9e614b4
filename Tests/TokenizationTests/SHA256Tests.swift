import ForeignFormats
import Testing

@Suite struct SHA256Tests {
  /// FIPS 180-4 examples.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func knownDigests(text: String, digest: String) {
    #expect(SHA256.hexadecimal(of: Array(text.utf8).span) == digest)
  }

  @Test func piecesGiveTheDigestOfTheWhole() {
    let bytes = (0..<1_000).map { UInt8(truncatingIfNeeded: $0 * 31) }
    let whole = SHA256.hexadecimal(of: bytes.span)
    for step in [1, 63, 64, 65, 999] {
      var hasher = SHA256()
      for start in stride(from: 0, to: bytes.count, by: step) {
        hasher.update(bytes.span.extracting(start..<min(start + step, bytes.count)))
      }
      #expect(hasher.finishHexadecimal() == whole)
    }
  }
}
