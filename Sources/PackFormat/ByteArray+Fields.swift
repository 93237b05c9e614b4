extension [UInt8] {
  init(copying bytes: Span<UInt8>) {
    self.init(capacity: bytes.count) { output in
      for index in bytes.indices { output.append(bytes[index]) }
    }
  }

  mutating func appendLittleEndian(_ value: some FixedWidthInteger & UnsignedInteger) {
    for shift in stride(from: 0, to: value.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  /// A length or an offset as a u64.
  mutating func appendCount(_ value: Int) { appendLittleEndian(UInt64(value)) }

  mutating func appendZeros(_ count: Int) { append(contentsOf: repeatElement(0, count: count)) }

  mutating func appendZeros(upToMultipleOf alignment: Int) { appendZeros(aligned(count, to: alignment) - count) }
}

/// The smallest multiple of `alignment` that is at least `offset`.
func aligned(_ offset: Int, to alignment: Int) -> Int { (offset + alignment - 1) / alignment * alignment }
