import ArgumentParser

/// A number of bytes as people type it: `8GiB`, `8G`, `500MB`, `8e9`, `1024`.
public struct ByteSize: ExpressibleByArgument, Sendable, Equatable {
  public let byteCount: Int

  public init?(argument: String) {
    let digits = argument.prefix { "0123456789.eE+".contains($0) }
    // "8e9" is a number, "8E" is not an exponent.
    guard let number = Double(digits), number >= 0 else { return nil }
    let factors: [String: Double] = [
      "": 1, "b": 1,
      "k": 0x1p10, "kib": 0x1p10, "kb": 1e3, "m": 0x1p20, "mib": 0x1p20, "mb": 1e6,
      "g": 0x1p30, "gib": 0x1p30, "gb": 1e9, "t": 0x1p40, "tib": 0x1p40, "tb": 1e12,
    ]
    guard let factor = factors[argument.dropFirst(digits.count).lowercased()] else { return nil }
    let bytes = number * factor
    guard bytes < 0x1p62 else { return nil }
    byteCount = Int(bytes)
  }
}
