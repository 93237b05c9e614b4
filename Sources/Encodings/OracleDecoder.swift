import TensorCore

/// Decodes any value by plain loops in the order of docs/format.md §4. It judges every other decoder; speed is not its
/// aim.
public enum OracleDecoder {
  /// The elements of a value, row-major.
  /// - Parameter bytes: exactly `encoding.byteCount(of: shape)` bytes; the encoding must accept the shape.
  public static func decode(_ bytes: Span<UInt8>, encoding: Encoding, shape: MatrixShape) -> [Float] {
    precondition(encoding.accepts(shape) && bytes.count == encoding.byteCount(of: shape))
    return switch encoding {
    case .dense(let type): (0..<shape.elementCount).map { element($0, of: type, in: bytes, at: 0) }
    case .grouped(let grouped): decode(bytes, layout: grouped.layout(of: shape))
    }
  }

  private static func decode(_ bytes: Span<UInt8>, layout: GroupedLayout) -> [Float] {
    let encoding = layout.encoding
    var elements: [Float] = []
    elements.reserveCapacity(layout.shape.elementCount)
    for row in 0..<layout.shape.outputCount {
      for column in 0..<layout.shape.inputCount {
        let group = row * layout.groupCount + column / encoding.groupElementCount
        let scale = element(group, of: encoding.scaleType, in: bytes, at: layout.scalesOffset)
        let zero =
          encoding.isSymmetric
          ? Float(1 << (encoding.bits - 1)) : Float(bytes[layout.zerosOffset + group]) / Float(1 << (8 - encoding.bits))
        elements.append(scale * (Float(code(row: row, column: column, in: bytes, layout: layout)) - zero))
      }
    }
    return elements
  }

  /// The code of one element, put together from the digits in its block's sub-planes.
  private static func code(row: Int, column: Int, in bytes: Span<UInt8>, layout: GroupedLayout) -> Int {
    let block = row * layout.blockCount + column / GroupedLayout.blockElementCount
    let place = column % GroupedLayout.blockElementCount
    var offset = block * layout.blockByteCount
    var code = 0
    var shift = 0
    for width in layout.subplaneWidths {
      let byteCount = 8 * width
      let digits =
        width == 1
        ? bytes[offset + place / 8] >> UInt8(place % 8)
        : bytes[offset + place % byteCount] >> UInt8(width * (place / byteCount))
      code |= (Int(digits) & ((1 << width) - 1)) << shift
      offset += byteCount
      shift += width
    }
    return code
  }

  private static func element(_ index: Int, of type: ElementType, in bytes: Span<UInt8>, at offset: Int) -> Float {
    let place = offset + index * type.byteCount
    let low = UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8
    switch type {
    case .f16: return HalfPrecision.float(fromFloat16Bits: low)
    case .bf16: return HalfPrecision.float(fromBFloat16Bits: low)
    case .f32: return Float(bitPattern: UInt32(low) | UInt32(bytes[place + 2]) << 16 | UInt32(bytes[place + 3]) << 24)
    }
  }
}
