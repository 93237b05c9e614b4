extension [UInt8] {
  /// Appends an integer as ``ByteCursor`` reads it.
  public mutating func appendLittleEndian(_ value: some FixedWidthInteger & UnsignedInteger) {
    for shift in stride(from: 0, to: value.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  /// Appends a length or an offset as 64 bits.
  public mutating func appendCount(_ value: Int) { appendLittleEndian(UInt64(value)) }
}
