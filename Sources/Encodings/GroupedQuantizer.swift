import TensorCore

/// Rounds rows to the codes of a grouped encoding.
///
/// Without a search the scale of a group is the one that just spans it. The search then looks for the scale and zero
/// point with the smallest Σ importance · (decoded − value)², always computed with the parameters as they are stored,
/// so that the sum is the error a reader of the value sees, and it never exceeds that of the spanning scale.
///
/// Values must be finite. A scale beyond the scale type's range is clamped to it, and one below it becomes zero: large
/// values saturate, and neither makes an infinity or NaN.
public struct GroupedQuantizer: Sendable {
  public let encoding: GroupedEncoding
  /// Elements of a row; a multiple of the group.
  public let inputCount: Int
  /// Whether parameters are searched for, or plain spanning ones used.
  public let searches: Bool

  private var group: GroupFit
  private var codes: [UInt8]
  private var scales: [Float]
  private var zeros: [UInt8]

  public init(encoding: GroupedEncoding, inputCount: Int, searches: Bool = true) {
    precondition(Encoding.grouped(encoding).accepts(MatrixShape(outputCount: 1, inputCount: inputCount)))
    self.encoding = encoding
    self.inputCount = inputCount
    self.searches = searches
    group = GroupFit(encoding: encoding)
    codes = [UInt8](repeating: 0, count: inputCount)
    scales = [Float](repeating: 0, count: inputCount / encoding.groupElementCount)
    zeros = [UInt8](repeating: 0, count: encoding.isSymmetric ? 0 : scales.count)
  }

  /// Quantizes one row and appends it to `packer`.
  /// - Parameters:
  ///   - row: `inputCount` finite values.
  ///   - importance: the weight of each element's squared error, not negative; nil weighs all by 1.
  /// - Returns: the weighted squared error of the row as stored.
  public mutating func quantizeRow(
    _ row: Span<Float>, importance: Span<Float>? = nil, into packer: inout GroupedPacker
  ) -> Double {
    precondition(row.count == inputCount && (importance?.count ?? inputCount) == inputCount)
    let width = encoding.groupElementCount
    var error = 0.0
    for index in scales.indices {
      let range = index * width..<(index + 1) * width
      group.load(row.extracting(range), importance: importance?.extracting(range))
      let grid = group.fit(searches: searches)
      error += group.error(of: grid)
      scales[index] = grid.scale
      if !encoding.isSymmetric { zeros[index] = grid.zeroByte }
      group.writeCodes(of: grid, into: &codes, at: range.lowerBound)
    }
    packer.append(codes: codes.span, scales: scales.span, zeros: zeros.span)
    return error
  }
}
