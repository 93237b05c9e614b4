import Synchronization

/// Fixed-width code words for strings of zeros and nonzeros of varying length.
///
/// Tunstall's construction (Synthesis of noiseless compression codes, 1967; here docs/format.md §4.4): beginning with
/// the empty string, the most probable string is replaced by the two that extend it by one symbol, until there are
/// 2^bits. The strings are the leaves of a complete binary tree, so that any sequence is cut into them in exactly one
/// way, and every code word stands for one. Whole numbers alone decide, so that every machine makes the same code;
/// it is never stored.
public final class TernaryCode: Sendable {
  /// No string is longer.
  public static let longestString = 56

  /// The share of zeros it is made for, in 1/256.
  public let zeros: Int
  /// Of a code word.
  public let bits: Int
  /// For each code word which symbols of its string are nonzero, the first one in bit 0.
  public let strings: [UInt64]
  /// For each code word how many symbols its string has.
  public let lengths: [UInt8]

  /// For each node of the tree, where its two children stand, that for zero first; for a leaf the complement of its code
  /// word. The root is node 0; the children that the i-th split made are 2i + 1 and 2i + 2.
  private let steps: [Int32]

  /// The code for a class of zero share and a width. Made once for each.
  public static func of(zeros: Int, bits: Int) -> TernaryCode {
    known.withLock { known in
      let key = zeros << 8 | bits
      if let code = known[key] { return code }
      let code = TernaryCode(zeros: zeros, bits: bits)
      known[key] = code
      return code
    }
  }

  private static let known = Mutex<[Int: TernaryCode]>([:])

  private init(zeros: Int, bits: Int) {
    precondition(TernaryEncoding.zeroClasses.contains(zeros) && TernaryEncoding.codeBitCounts.contains(bits))
    self.zeros = zeros
    self.bits = bits
    steps = Self.numbered(Self.tree(zeros: zeros, leafCount: 1 << bits))
    (strings, lengths) = Self.strings(steps, count: 1 << bits)
  }

  /// The children of each node, 0 for a leaf.
  ///
  /// The children for zero become ever less probable in the order in which they are made, and so do those for one: the
  /// most probable leaf is the first of either that is still one.
  private static func tree(zeros: Int, leafCount: Int) -> [Int32] {
    let nonzero = UInt64(256 - zeros)
    var children: [Int32] = [0]
    var probabilities: [UInt64] = [1 << 56]
    var lengths = [0]
    children.reserveCapacity(2 * leafCount)
    probabilities.reserveCapacity(2 * leafCount)
    lengths.reserveCapacity(2 * leafCount)
    var nextZero = 1, nextOne = 2, chosen = 0
    while true {
      children[chosen] = Int32(children.count)
      let one = (probabilities[chosen] &* nonzero) >> 8
      probabilities.append(probabilities[chosen] - one)
      probabilities.append(one)
      for _ in 0..<2 {
        children.append(0)
        lengths.append(lengths[chosen] + 1)
      }
      if children.count == 2 * leafCount - 1 { return children }
      while nextZero < lengths.count && lengths[nextZero] == longestString { nextZero += 2 }
      while nextOne < lengths.count && lengths[nextOne] == longestString { nextOne += 2 }
      let hasZero = nextZero < lengths.count, hasOne = nextOne < lengths.count
      if hasZero && (!hasOne || probabilities[nextZero] >= probabilities[nextOne]) {
        chosen = nextZero
        nextZero += 2
      } else {
        chosen = nextOne
        nextOne += 2
      }
    }
  }

  /// Gives the leaves their code words, in the order of their strings.
  private static func numbered(_ children: [Int32]) -> [Int32] {
    var steps = children
    var next: Int32 = 0
    var pending = [0]
    while let node = pending.popLast() {
      if children[node] == 0 {
        steps[node] = ~next
        next += 1
      } else {
        pending.append(Int(children[node]) + 1)
        pending.append(Int(children[node]))
      }
    }
    return steps
  }

  private static func strings(_ steps: [Int32], count: Int) -> ([UInt64], lengths: [UInt8]) {
    var strings = [UInt64](repeating: 0, count: count), lengths = [UInt8](repeating: 0, count: count)
    var ways = [(nonzeros: UInt64, length: UInt8)](repeating: (0, 0), count: steps.count)
    for node in steps.indices {
      let (nonzeros, length) = ways[node]
      guard steps[node] >= 0 else {
        strings[Int(~steps[node])] = nonzeros
        lengths[Int(~steps[node])] = length
        continue
      }
      ways[Int(steps[node])] = (nonzeros, length + 1)
      ways[Int(steps[node]) + 1] = (nonzeros | 1 << UInt64(length), length + 1)
    }
    return (strings, lengths)
  }

  /// Where every string begins: at the children of the root.
  static let root = 1

  /// One symbol further in a string.
  /// - Returns: where it goes on, or the complement of its code word when it is complete.
  func step(from place: Int, isNonzero: Bool) -> Int { Int(steps[place &+ (isNonzero ? 1 : 0)]) }

  /// Bits of code words for one symbol, on average over a long sequence of independent ones.
  /// - Parameter zeroShare: how many of the symbols are zero, 0…1.
  public func bitsPerSymbol(zeroShare: Double) -> Double {
    // A string has as many symbols as there are nodes with children on its way.
    var probabilities = [Double](repeating: 0, count: steps.count)
    probabilities[0] = 1
    var symbolCount = 0.0
    for node in steps.indices where steps[node] >= 0 {
      symbolCount += probabilities[node]
      probabilities[Int(steps[node])] = probabilities[node] * zeroShare
      probabilities[Int(steps[node]) + 1] = probabilities[node] * (1 - zeroShare)
    }
    return Double(bits) / symbolCount
  }
}
