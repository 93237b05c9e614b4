/// The characters with which GPT-2 and its kin write bytes, so that every piece is printable text.
///
/// Bytes 33–126, 161–172 and 174–255 stand for themselves as scalars; the other 68 are U+0100 to U+0143 in order.
public struct ByteAlphabet: Sendable {
  private let bytes: [UInt32: UInt8]

  public init() {
    var bytes: [UInt32: UInt8] = [:]
    var next: UInt32 = 0x100
    for byte in UInt8.min...UInt8.max {
      switch byte {
      case 33...126, 161...172, 174...255: bytes[UInt32(byte)] = byte
      default:
        bytes[next] = byte
        next += 1
      }
    }
    self.bytes = bytes
  }

  /// The bytes that `text` writes, nil when a character of it is none of the 256.
  public func bytes(writtenAs text: String) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      guard let byte = bytes[scalar.value] else { return nil }
      result.append(byte)
    }
    return result
  }
}
