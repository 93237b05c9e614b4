import TensorCore

/// Lays codes and scales out as a trellis value (docs/format.md §4.3), tile after tile.
///
/// Tiles may be packed by several threads, and the parts joined in order.
public struct TrellisPacker: Sendable {
  public let encoding: TrellisEncoding
  public let inputCount: Int
  /// Rows appended so far.
  public private(set) var rowCount = 0

  private var codes: [UInt8] = []
  private var scales: [UInt8] = []

  public init(encoding: TrellisEncoding, inputCount: Int) {
    self.encoding = encoding
    self.inputCount = inputCount
  }

  /// Appends one tile. All but the last have ``TrellisLayout/tileRowCount`` rows.
  /// - Parameters:
  ///   - codes: (inputCount, laneCount), below 2^bits; `laneCount` is the tile's rows filled up to a multiple of
  ///     ``TrellisLayout/rowMultiple``.
  ///   - scales: one per row of the tile.
  public mutating func append(codes: Span<UInt8>, scales: Span<Float>) {
    let laneCount = TrellisLayout.filled(scales.count)
    precondition((1...TrellisLayout.tileRowCount).contains(scales.count) && codes.count == inputCount * laneCount)
    precondition(rowCount % TrellisLayout.tileRowCount == 0)
    var place = self.codes.count
    self.codes.append(contentsOf: repeatElement(0, count: codes.count / 8 * encoding.bits))
    // Eight codes are as many whole bytes as a code has bits.
    for first in stride(from: 0, to: codes.count, by: 8) {
      var stream: UInt32 = 0
      var digits: UInt8 = 0
      for index in 0..<8 { digits |= codes[first &+ index] }
      precondition(digits >> UInt8(encoding.bits) == 0)
      for index in 0..<8 { stream |= UInt32(codes[first &+ index]) &<< UInt32(encoding.bits &* index) }
      for byte in 0..<encoding.bits {
        self.codes[place &+ byte] = UInt8(truncatingIfNeeded: stream &>> UInt32(8 &* byte))
      }
      place &+= encoding.bits
    }
    self.scales.append(contentsOf: DenseCodec.encode(scales, as: .f16))
    rowCount += scales.count
  }

  /// Appends the tiles of another part of the same value.
  public mutating func append(contentsOf part: TrellisPacker) {
    precondition(part.encoding == encoding && part.inputCount == inputCount)
    precondition(rowCount % TrellisLayout.tileRowCount == 0)
    codes += part.codes
    scales += part.scales
    rowCount += part.rowCount
  }

  /// The value.
  public consuming func finish() -> [UInt8] {
    let layout = encoding.layout(of: MatrixShape(outputCount: rowCount, inputCount: inputCount))
    codes.reserveCapacity(layout.byteCount)
    codes.append(contentsOf: repeatElement(0, count: layout.scalesOffset - codes.count))
    return codes + scales
  }
}
