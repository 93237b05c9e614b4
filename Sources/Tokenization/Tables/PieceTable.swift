/// The vocabulary: pieces in order of their ids, their bytes end to end in one array.
public struct PieceTable: Sendable, Equatable {
  public enum Kind: UInt8, Sendable, CaseIterable {
    case normal = 0
    /// Stands for what no other piece covers.
    case unknown = 1
    /// Never matches text and leaves none.
    case control = 2
    /// Matches text before any other piece does.
    case userDefined = 3
    /// Never comes out of encoding.
    case unused = 4
    /// One byte, as its content `<0xNN>` says.
    case byte = 5
  }

  public static let countLimit = 1 << 21
  public static let byteCountLimit = 1 << 28

  private(set) var content: [UInt8] = []
  private(set) var ends: [Int] = []
  private(set) var kinds: [Kind] = []
  private(set) var scores: [Float] = []

  public init() {}

  public var count: Int { ends.count }

  /// Gives the next id to a piece.
  public mutating func append(_ bytes: some Collection<UInt8>, kind: Kind = .normal, score: Float = 0) {
    content.append(contentsOf: bytes)
    ends.append(content.count)
    kinds.append(kind)
    scores.append(score)
  }

  public mutating func reserveCapacity(_ count: Int) {
    content.reserveCapacity(count * 8)
    ends.reserveCapacity(count)
    kinds.reserveCapacity(count)
    scores.reserveCapacity(count)
  }

  /// The bytes of a piece; `id` must be within `0..<count`.
  public func bytes(of id: Int) -> ArraySlice<UInt8> { content[range(of: id)] }

  public func kind(of id: Int) -> Kind { kinds[id] }

  public func score(of id: Int) -> Float { scores[id] }

  /// Where in `content` a piece lies.
  func range(of id: Int) -> Range<Int> { (id == 0 ? 0 : ends[id - 1])..<ends[id] }

  /// The value of a byte piece from its content `<0xNN>`, nil when it is not written so.
  func byteValue(of id: Int) -> UInt8? {
    let text = bytes(of: id)
    guard text.count == 6, text.starts(with: "<0x".utf8), text.last == UInt8(ascii: ">") else { return nil }
    return UInt8(String(decoding: text.dropFirst(3).dropLast(), as: UTF8.self), radix: 16)
  }
}
