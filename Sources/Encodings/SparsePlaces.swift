import TensorCore

/// Where the kept elements of a sparse value stand (docs/format.md §4.5).
///
/// Every group has the number of its set of places in the list of all sets of `kept` out of `group`, in the order of
/// their masks, written in `indexBitCount` bits; the numbers of a row follow one another from the lowest bit of its
/// first byte, and a row begins at a whole byte. A number that no set has stands for the first set, so that every byte
/// string is a value.
extension SparsePattern {
  /// Sets of places there are: `group` choose `kept`.
  public var setCount: Int { Self.binomial(group, kept) }

  /// Bits of a group's number.
  public var indexBitCount: Int { Int.bitWidth - (setCount - 1).leadingZeroBitCount }

  /// The masks of all sets of places, ascending; bit p stands for place p of the group.
  public var masks: [UInt16] {
    (0..<UInt32(1) << UInt32(group)).compactMap { $0.nonzeroBitCount == kept ? UInt16($0) : nil }
  }

  /// The mask for every number that `indexBitCount` bits can hold.
  public var masksByNumber: [UInt16] {
    let masks = masks
    return masks + repeatElement(masks[0], count: 1 << indexBitCount - masks.count)
  }

  /// Bytes of the places of one row.
  public func rowByteCount(of inputCount: Int) -> Int { (inputCount / group * indexBitCount + 7) / 8 }

  /// Bytes of the places of a value.
  public func placesByteCount(of shape: MatrixShape) -> Int { shape.outputCount * rowByteCount(of: shape.inputCount) }

  /// The masks of all groups, row after row, from the places of a value.
  /// - Parameter places: `placesByteCount(of: shape)` bytes.
  public func masks(of places: Span<UInt8>, shape: MatrixShape) -> [UInt16] {
    precondition(places.count == placesByteCount(of: shape))
    let masks = masksByNumber, bitCount = indexBitCount, rowByteCount = rowByteCount(of: shape.inputCount)
    let highest = masks.count - 1
    var result: [UInt16] = []
    result.reserveCapacity(shape.outputCount * (shape.inputCount / group))
    for row in 0..<shape.outputCount {
      var next = row * rowByteCount, pending = 0, pendingBitCount = 0
      for _ in 0..<shape.inputCount / group {
        while pendingBitCount < bitCount {
          pending |= Int(places[next]) &<< pendingBitCount
          pendingBitCount &+= 8
          next &+= 1
        }
        result.append(masks[pending & highest])
        pending &>>= bitCount
        pendingBitCount &-= bitCount
      }
    }
    return result
  }

  static func binomial(_ n: Int, _ k: Int) -> Int { (0..<k).reduce(1) { $0 * (n - $1) / ($1 + 1) } }
}

/// Writes the places of a sparse value, row after row.
///
/// Rows may be packed in parts, by several threads, and the parts joined in order.
public struct SparsePlacesPacker: Sendable {
  public let pattern: SparsePattern
  /// Elements of a row, zeros included; a multiple of the group.
  public let inputCount: Int
  /// Rows appended so far.
  public private(set) var rowCount = 0

  private let bitCount: Int
  /// Sets of i + 1 among the first p places, at 16 · i + p: what a set's (i + 1)-th place p adds to its number.
  private let steps: [Int]
  private var bytes: [UInt8] = []

  /// - Parameter expectedRowCount: rows to reserve memory for.
  public init(pattern: SparsePattern, inputCount: Int, expectedRowCount: Int = 0) {
    precondition(inputCount > 0 && inputCount % pattern.group == 0)
    self.pattern = pattern
    self.inputCount = inputCount
    bitCount = pattern.indexBitCount
    steps = (0..<pattern.kept).flatMap { index in (0..<16).map { SparsePattern.binomial($0, index + 1) } }
    bytes.reserveCapacity(expectedRowCount * pattern.rowByteCount(of: inputCount))
  }

  /// Appends one row.
  /// - Parameter masks: one per group, with `kept` bits below `group`; bit p stands for place p.
  public mutating func append(masks: Span<UInt16>) {
    precondition(masks.count == inputCount / pattern.group)
    var pending = 0, pendingBitCount = 0
    for index in masks.indices {
      pending |= number(of: masks[index]) &<< pendingBitCount
      pendingBitCount &+= bitCount
      while pendingBitCount >= 8 {
        bytes.append(UInt8(truncatingIfNeeded: pending))
        pending &>>= 8
        pendingBitCount &-= 8
      }
    }
    if pendingBitCount > 0 { bytes.append(UInt8(truncatingIfNeeded: pending)) }
    rowCount += 1
  }

  /// Appends the rows of another part of the same value.
  public mutating func append(contentsOf part: SparsePlacesPacker) {
    precondition(part.pattern == pattern && part.inputCount == inputCount)
    bytes += part.bytes
    rowCount += part.rowCount
  }

  /// The places of all rows.
  public consuming func finish() -> [UInt8] { bytes }

  /// How many masks of as many bits are smaller: the combinatorial number system, where places p₁ < p₂ < … have the
  /// number Σ (pᵢ choose i).
  private func number(of mask: UInt16) -> Int {
    precondition(mask.nonzeroBitCount == pattern.kept && mask >> UInt16(pattern.group - 1) <= 1)
    var rest = mask, number = 0, row = 0
    while rest != 0 {
      number &+= steps[row &+ rest.trailingZeroBitCount]
      rest &= rest &- 1
      row &+= 16
    }
    return number
  }
}
