import TensorCore

/// Lays codes, scales and zeros out as the planes of a grouped value (docs/format.md §4.2), row after row.
///
/// Rows may be packed in parts, by several threads, and the parts joined in order.
public struct GroupedPacker: Sendable {
  public let encoding: GroupedEncoding
  /// Elements of a row; a multiple of the group.
  public let inputCount: Int
  /// Rows appended so far.
  public private(set) var rowCount = 0

  private var codes: [UInt8] = []
  private var scales: [UInt8] = []
  private var zeros: [UInt8] = []
  private let rowLayout: GroupedLayout

  /// - Parameter expectedRowCount: rows to reserve memory for.
  public init(encoding: GroupedEncoding, inputCount: Int, expectedRowCount: Int = 0) {
    let row = MatrixShape(outputCount: 1, inputCount: inputCount)
    precondition(Encoding.grouped(encoding).accepts(row))
    self.encoding = encoding
    self.inputCount = inputCount
    rowLayout = encoding.layout(of: row)
    codes.reserveCapacity(expectedRowCount * rowLayout.codesByteCount)
    scales.reserveCapacity(expectedRowCount * rowLayout.scalesByteCount)
    zeros.reserveCapacity(expectedRowCount * rowLayout.zerosByteCount)
  }

  /// Appends one row.
  /// - Parameters:
  ///   - codes: `inputCount` codes below 2^bits.
  ///   - scales: one per group.
  ///   - zeros: one per group, empty when the encoding is symmetric.
  public mutating func append(codes: Span<UInt8>, scales: Span<Float>, zeros: Span<UInt8>) {
    precondition(codes.count == inputCount && scales.count == rowLayout.groupCount)
    precondition(zeros.count == rowLayout.zerosByteCount)
    let widths = rowLayout.subplaneWidths
    var start = self.codes.count
    self.codes.append(contentsOf: repeatElement(0, count: rowLayout.codesByteCount))
    for first in stride(from: 0, to: inputCount, by: GroupedLayout.blockElementCount) {
      let end = min(inputCount, first + GroupedLayout.blockElementCount)
      Self.packBlock(codes.extracting(first..<end), widths: widths, into: &self.codes, at: start)
      start += 8 * encoding.bits
    }
    self.scales.append(contentsOf: DenseCodec.encode(scales, as: encoding.scaleType))
    for index in zeros.indices { self.zeros.append(zeros[index]) }
    rowCount += 1
  }

  /// Appends the rows of another part of the same value.
  public mutating func append(contentsOf part: GroupedPacker) {
    precondition(part.encoding == encoding && part.inputCount == inputCount)
    codes += part.codes
    scales += part.scales
    zeros += part.zeros
    rowCount += part.rowCount
  }

  /// The value: its planes one after the other, each beginning at a multiple of 64 bytes.
  public consuming func finish() -> [UInt8] {
    let layout = encoding.layout(of: MatrixShape(outputCount: rowCount, inputCount: inputCount))
    codes.reserveCapacity(layout.byteCount)
    codes.append(contentsOf: repeatElement(0, count: layout.scalesOffset - codes.count))
    codes += scales
    if !encoding.isSymmetric {
      codes.append(contentsOf: repeatElement(0, count: layout.zerosOffset - codes.count))
      codes += zeros
    }
    return codes
  }

  /// Adds the digits of up to 64 codes to a block of zeros at `offset`.
  private static func packBlock(_ codes: Span<UInt8>, widths: [Int], into bytes: inout [UInt8], at offset: Int) {
    var offset = offset
    var shift: UInt8 = 0
    for width in widths {
      let byteCount = 8 &* width
      let mask = UInt8(truncatingIfNeeded: (1 << width) &- 1)
      if width == 1 {
        for place in codes.indices {
          bytes[offset &+ place >> 3] |= (codes[place] &>> shift & mask) &<< UInt8(place & 7)
        }
      } else {
        var place = 0
        var position: UInt8 = 0
        while place < codes.count {
          let end = min(codes.count, place &+ byteCount)
          for index in place..<end { bytes[offset &+ index &- place] |= (codes[index] &>> shift & mask) &<< position }
          place = end
          position &+= UInt8(width)
        }
      }
      offset &+= byteCount
      shift &+= UInt8(width)
    }
  }
}
