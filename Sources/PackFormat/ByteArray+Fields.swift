extension [UInt8] {
  init(copying bytes: Span<UInt8>) {
    self.init(capacity: bytes.count) { output in
      for index in bytes.indices { output.append(bytes[index]) }
    }
  }

  mutating func appendZeros(_ count: Int) { append(contentsOf: repeatElement(0, count: count)) }

  mutating func appendZeros(upToMultipleOf alignment: Int) { appendZeros(aligned(count, to: alignment) - count) }
}

/// The smallest multiple of `alignment` that is at least `offset`.
func aligned(_ offset: Int, to alignment: Int) -> Int { (offset + alignment - 1) / alignment * alignment }
