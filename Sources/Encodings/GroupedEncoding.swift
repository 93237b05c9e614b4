import TensorCore

/// Integers of 2 to 8 bits with a shared scale per group of consecutive elements of a row.
///
/// An element is `scale · (code − zero)`, with `code` in `0 ..< 2^bits`. In a symmetric encoding `zero` is
/// `2^(bits−1)`. In an asymmetric one each group stores a byte `z` and `zero = z / 2^(8−bits)`: a zero point in 256
/// steps over the range of codes, of which every integer zero point is a case.
public struct GroupedEncoding: Sendable, Hashable {
  /// Elements a group may have at most.
  public static let largestGroup = 1 << 24

  /// 2…8.
  public let bits: Int
  /// Elements that share a scale; divides the row.
  public let groupElementCount: Int
  public let isSymmetric: Bool
  /// Storage type of the scales.
  public let scaleType: ElementType

  public init(bits: Int, groupElementCount: Int, isSymmetric: Bool, scaleType: ElementType = .f16) {
    precondition((2...8).contains(bits) && (1...Self.largestGroup).contains(groupElementCount))
    self.bits = bits
    self.groupElementCount = groupElementCount
    self.isSymmetric = isSymmetric
    self.scaleType = scaleType
  }

  public func layout(of shape: MatrixShape) -> GroupedLayout { GroupedLayout(encoding: self, shape: shape) }
}

/// Where the planes of a grouped value lie (docs/format.md §4.2).
///
/// A value is up to three planes, each beginning at a multiple of 64 bytes: codes (outputCount, blockCount, 8·bits
/// bytes), scales (outputCount, groupCount, scale type) and, unless symmetric, zeros (outputCount, groupCount, one
/// byte). A row's codes are cut into blocks of 64 elements, the last one filled up with zero codes. A block holds the
/// binary digits of its codes in sub-planes of 8, 4, 2 or 1 bits, lowest digits first: 8 = 8, 7 = 4+2+1, 6 = 4+2, 5 =
/// 4+1, 4 = 4, 3 = 2+1, 2 = 2. In a sub-plane of w bits (8·w bytes) element e lies in byte `e mod 8w` at bit `w · (e
/// div 8w)`, except that for w = 1 element e is bit `e mod 8` of byte `e div 8`.
public struct GroupedLayout: Sendable, Hashable {
  /// Elements in a block of codes.
  public static let blockElementCount = 64
  /// Planes begin at multiples of this.
  public static let planeAlignment = 64

  public let encoding: GroupedEncoding
  public let shape: MatrixShape

  public var blockCount: Int { (shape.inputCount + Self.blockElementCount - 1) / Self.blockElementCount }
  public var groupCount: Int { shape.inputCount / encoding.groupElementCount }
  public var blockByteCount: Int { 8 * encoding.bits }
  public var codesByteCount: Int { shape.outputCount * blockCount * blockByteCount }
  public var scalesOffset: Int { Self.aligned(codesByteCount) }
  public var scalesByteCount: Int { shape.outputCount * groupCount * encoding.scaleType.byteCount }
  public var zerosOffset: Int { Self.aligned(scalesOffset + scalesByteCount) }
  public var zerosByteCount: Int { encoding.isSymmetric ? 0 : shape.outputCount * groupCount }
  public var byteCount: Int {
    encoding.isSymmetric ? scalesOffset + scalesByteCount : zerosOffset + zerosByteCount
  }

  /// Widths of a block's sub-planes, lowest digits first.
  public var subplaneWidths: [Int] {
    switch encoding.bits {
    case 7: [4, 2, 1]
    case 6: [4, 2]
    case 5: [4, 1]
    case 3: [2, 1]
    default: [encoding.bits]
    }
  }

  static func aligned(_ offset: Int) -> Int { (offset + planeAlignment - 1) / planeAlignment * planeAlignment }
}
