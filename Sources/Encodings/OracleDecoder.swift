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
    case .trellis(let trellis): decode(bytes, layout: trellis.layout(of: shape))
    case .ternary(let ternary): TernaryDecoder.elements(bytes, layout: ternary.layout(of: shape))
    case .sparse, .lowRank, .sum, .wrapped: composite(bytes, encoding: encoding, shape: shape)
    }
  }

  /// Products and sums are in double precision and rounded once.
  private static func composite(_ bytes: Span<UInt8>, encoding: Encoding, shape: MatrixShape) -> [Float] {
    let layout = encoding.parts(of: shape)
    let parts = layout.map { decode(bytes.extracting($0.byteRange), encoding: $0.encoding, shape: $0.shape) }
    switch encoding {
    case .sparse(let pattern, _):
      return expanded(parts[0], pattern: pattern, places: bytes, shape: shape)
    case .lowRank(let rank, _, _):
      return (0..<shape.elementCount).map { index in
        let row = index / shape.inputCount, column = index % shape.inputCount
        return Float(
          (0..<rank).reduce(0.0) {
            $0 + Double(parts[0][row * rank + $1]) * Double(parts[1][$1 * shape.inputCount + column])
          })
      }
    case .sum: return zip(parts[0], parts[1]).map { Float(Double($0) + Double($1)) }
    case .wrapped(let blocks, _):
      return wrapped(parts[1], between: parts[0], and: parts[2], width: blocks.blockElementCount, shape: shape)
    case .dense, .grouped, .trellis, .ternary: preconditionFailure("\(encoding.text) has no components")
    }
  }

  /// Kept elements at their places, zeros elsewhere.
  private static func expanded(
    _ kept: [Float], pattern: SparsePattern, places: Span<UInt8>, shape: MatrixShape
  ) -> [Float] {
    let masks = pattern.masks, bitCount = pattern.indexBitCount
    let rowByteCount = pattern.rowByteCount(of: shape.inputCount), groupCount = shape.inputCount / pattern.group
    var elements = [Float](repeating: 0, count: shape.elementCount)
    var next = 0
    for group in 0..<shape.outputCount * groupCount {
      let first = group % groupCount * bitCount
      let number = (first..<first + bitCount).reduce(0) { number, bit in
        let byte = places[group / groupCount * rowByteCount + bit / 8]
        return number | Int(byte >> UInt8(bit % 8) & 1) << (bit - first)
      }
      let mask = number < masks.count ? masks[number] : masks[0]
      for place in 0..<pattern.group where mask >> UInt16(place) & 1 == 1 {
        elements[group * pattern.group + place] = kept[next]
        next += 1
      }
    }
    return elements
  }

  /// A·C·B, where row r of `a` and of `b` is row r of the block it lies in.
  private static func wrapped(
    _ core: [Float], between a: [Float], and b: [Float], width: Int, shape: MatrixShape
  ) -> [Float] {
    let (rowCount, columnCount) = (shape.outputCount, shape.inputCount)
    var left = [Double](repeating: 0, count: shape.elementCount)
    for row in 0..<rowCount {
      for step in 0..<width {
        let source = row / width * width + step
        for column in 0..<columnCount {
          left[row * columnCount + column] +=
            Double(a[row * width + step]) * Double(core[source * columnCount + column])
        }
      }
    }
    return (0..<shape.elementCount).map { index in
      let row = index / columnCount, column = index % columnCount
      let first = column / width * width
      return Float(
        (first..<first + width).reduce(0.0) {
          $0 + left[row * columnCount + $1] * Double(b[$1 * width + column - first])
        })
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

  private static func decode(_ bytes: Span<UInt8>, layout: TrellisLayout) -> [Float] {
    let width = layout.shape.inputCount
    var elements: [Float] = []
    elements.reserveCapacity(layout.shape.elementCount)
    for row in 0..<layout.shape.outputCount {
      let index = row / TrellisLayout.tileRowCount, bits = layout.encoding.bits
      let tile = layout.rows(ofTile: index)
      let scale = element(row, of: .f16, in: bytes, at: layout.scalesOffset)
      for column in 0..<width {
        let stream = 8 * layout.offset(ofTile: index) + column * tile.count * bits
        var state = 0
        for digit in 0..<TrellisCodebook.stateBitCount {
          let bit = stream + ((row - tile.lowerBound) * bits + digit) % (tile.count * bits)
          state |= Int(bytes[bit / 8] >> UInt8(bit % 8) & 1) << digit
        }
        elements.append(scale * TrellisCodebook.value(of: state))
      }
    }
    return elements
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
