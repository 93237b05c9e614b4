import TensorCore

/// The fixed dictionary of QMoE (arXiv 2310.16795, §4.2), for comparison: how many 16-bit words it needs.
///
/// Its 65,536 words stand for the most probable strings of at most 14 pairs of symbols, where a symbol is zero with
/// probability 0.885 and the others are equally likely; with every string it holds those that it begins with. A row is
/// cut from its begin on, always taking the longest string there is; an odd one is filled up with a zero.
public final class QMoEDictionary: Sendable {
  public static let wordBits = 16
  public static let longestPairCount = 14
  static let zeroProbability = 0.885

  /// Made on first use.
  public static let shared = QMoEDictionary()

  /// For each string, beginning with the empty one, where the nine that have one pair more stand; 0 where there is none.
  private let children: [Int32]

  private init() {
    let longest = 2 * Self.longestPairCount
    // A string's probability follows from how many zeros and nonzeros it has.
    var zeroPowers = [1.0], nonzeroPowers = [1.0]
    for _ in 0..<longest {
      zeroPowers.append(zeroPowers.last! * Self.zeroProbability)
      nonzeroPowers.append(nonzeroPowers.last! * (1 - Self.zeroProbability) / 2)
    }
    let kinds = stride(from: 0, through: longest, by: 2)
      .flatMap { length in (0...length).map { (zeros: length - $0, nonzeros: $0) } }
      .sorted { zeroPowers[$0.zeros] * nonzeroPowers[$0.nonzeros] > zeroPowers[$1.zeros] * nonzeroPowers[$1.nonzeros] }
    // Strings of each kind, as the place among `children` that leads to them.
    var waiting = [[Int]](repeating: [], count: (longest + 1) * (longest + 1))
    var children = [Int32](repeating: 0, count: 9)
    let wordCount = 1 << Self.wordBits
    for kind in kinds {
      let isRoot = kind.zeros + kind.nonzeros == 0
      for place in isRoot ? [-1] : waiting[kind.zeros * (longest + 1) + kind.nonzeros] {
        let node = children.count / 9 - (isRoot ? 1 : 0)
        if !isRoot {
          guard node <= wordCount else { break }
          children[place] = Int32(node)
          children.append(contentsOf: repeatElement(0, count: 9))
        }
        guard kind.zeros + kind.nonzeros < longest else { continue }
        for pair in 0..<9 {
          let zeros = (pair % 3 == 0 ? 1 : 0) + (pair / 3 == 0 ? 1 : 0)
          waiting[(kind.zeros + zeros) * (longest + 1) + kind.nonzeros + 2 - zeros].append(9 * node + pair)
        }
      }
    }
    self.children = children
  }

  /// Strings there are.
  var wordCount: Int { children.count / 9 - 1 }

  /// Words of a whole matrix.
  /// - Parameter symbols: of `shape`, row-major: −1, 0 or 1.
  public func wordCount(of symbols: Span<Int8>, shape: MatrixShape) -> Int {
    precondition(symbols.count == shape.elementCount)
    let width = shape.inputCount
    var count = 0
    for row in 0..<shape.outputCount {
      var node = 0
      for column in stride(from: 0, to: width, by: 2) {
        let place = row &* width &+ column
        let second = column &+ 1 < width ? symbols[place &+ 1] : 0
        let pair = Self.digit(symbols[place]) &+ 3 &* Self.digit(second)
        let next = Int(children[9 &* node &+ pair])
        if next == 0 { count &+= 1 }
        node = next == 0 ? Int(children[pair]) : next
      }
      count += 1
    }
    return count
  }

  @inline(__always) private static func digit(_ symbol: Int8) -> Int { symbol == 0 ? 0 : symbol < 0 ? 1 : 2 }
}
