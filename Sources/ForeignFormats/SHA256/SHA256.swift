import CCrypto

/// SHA-256 (FIPS 180-4) of bytes that arrive in pieces.
@safe public struct SHA256: ~Copyable {
  private let context: OpaquePointer

  public init() {
    // Both calls fail only when memory runs out or the library lacks the algorithm; neither can be mended here.
    guard let context = unsafe EVP_MD_CTX_new() else { preconditionFailure("libcrypto has no memory for a digest") }
    unsafe self.context = context
    let status = unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil)
    precondition(status == 1, "libcrypto has no SHA-256")
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  public mutating func update(_ bytes: Span<UInt8>) {
    unsafe bytes.withUnsafeBytes { raw in
      _ = unsafe EVP_DigestUpdate(context, raw.baseAddress, raw.count)
    }
  }

  /// The 32 bytes of the digest. Nothing can be added afterwards.
  public consuming func finish() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    unsafe digest.withUnsafeMutableBufferPointer { buffer in
      _ = unsafe EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
    }
    return digest
  }

  /// The digest as 64 lower-case hexadecimal digits. Nothing can be added afterwards.
  public consuming func finishHexadecimal() -> String {
    let digits = Array("0123456789abcdef".utf8)
    let bytes = finish().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The 32 bytes of the digest of `bytes`.
  public static func digest(of bytes: Span<UInt8>) -> [UInt8] {
    var hasher = SHA256()
    hasher.update(bytes)
    return hasher.finish()
  }

  /// The digest of `bytes` as 64 lower-case hexadecimal digits.
  public static func hexadecimal(of bytes: Span<UInt8>) -> String {
    var hasher = SHA256()
    hasher.update(bytes)
    return hasher.finishHexadecimal()
  }
}
