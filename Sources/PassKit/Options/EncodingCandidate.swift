import Encodings
import TensorCore

/// An encoding as a user writes it where a pass chooses between several.
///
///     4       grouped, 4 bits, the group of the step     4s      symmetric
///     4g32    groups of 32                               4g32s   both
///     t3      trellis of 3 bits
///     bf16    dense: f32, f16 or bf16
///     2:4x4   2 of every 4 weights are kept, the kept ones as what follows the x
///     ternary:0.8  −1, 0 and +1 times a level, in at most 0.8 bits per weight
///     prune   nothing: the expert goes
public struct EncodingCandidate: Sendable, Hashable {
  /// How the weights, or those that are kept, are held.
  public enum Values: Sendable, Hashable {
    /// Without a group that of the step holds.
    case grouped(bits: Int, group: Int?, isSymmetric: Bool)
    case trellis(bits: Int)
    case dense(ElementType)
    /// With one level for a matrix, everything counted.
    case ternary(bitsPerWeight: Double)
    /// No values: what is whole without the matrix does without it.
    case nothing
  }

  /// Nil where all weights are kept.
  public let pattern: KeptPattern?
  public let values: Values

  public init(pattern: KeptPattern? = nil, _ values: Values) {
    self.pattern = pattern
    self.values = values
  }

  /// Reads exactly what ``text`` prints.
  public init?(_ text: String) {
    let halves = text.split(separator: "x", maxSplits: 1, omittingEmptySubsequences: false)
    guard halves.count <= 2, let last = halves.last, let values = Self.values(last) else { return nil }
    self.values = values
    if halves.count == 2 {
      guard let pattern = Self.pattern(halves[0]), values.canBeKept else { return nil }
      self.pattern = pattern
    } else {
      pattern = nil
    }
    guard self.text == text else { return nil }
  }

  /// As it is written.
  public var text: String {
    let kept = pattern.map { "\($0.kept):\($0.group)x" } ?? ""
    switch values {
    case .grouped(let bits, let group, let isSymmetric):
      return kept + "\(bits)" + (group.map { "g\($0)" } ?? "") + (isSymmetric ? "s" : "")
    case .trellis(let bits): return kept + "t\(bits)"
    case .dense(let type): return kept + type.rawValue
    case .ternary(let bits): return "ternary:\(OptionValue.decimal(bits))"
    case .nothing: return "prune"
    }
  }

  /// The encoding meant for a matrix of `shape`, which need not accept it; for ternary weights a bound
  /// (``Encodings/Encoding/isWithin(_:)``). Nil where there is none: for ``Values/nothing``, or a matrix too large.
  /// - Parameter group: weights that share a scale where the candidate does not say.
  public func encoding(group: Int, of shape: MatrixShape) -> Encoding? {
    let encoding: Encoding
    switch values {
    case .grouped(let bits, let own, let isSymmetric):
      encoding = .grouped(
        GroupedEncoding(bits: bits, groupElementCount: own ?? group, isSymmetric: isSymmetric))
    case .trellis(let bits): encoding = .trellis(TrellisEncoding(bits: bits))
    case .dense(let type): encoding = .dense(type)
    case .ternary(let bits): return TernaryEncoding.bound(bitsPerWeight: bits, of: shape).map(Encoding.ternary)
    case .nothing: return nil
    }
    guard let pattern else { return encoding }
    return .sparse(SparsePattern(kept: pattern.kept, group: pattern.group), values: encoding)
  }

  private static func values(_ text: Substring) -> Values? {
    if let type = ElementType(rawValue: String(text)) { return .dense(type) }
    if text == "prune" { return .nothing }
    if text.hasPrefix("ternary:") {
      guard let bits = Double(text.dropFirst(8)), TernaryEncoding.bitsPerWeight.contains(bits) else { return nil }
      return .ternary(bitsPerWeight: bits)
    }
    if text.first == "t" {
      return Int(text.dropFirst()).flatMap { TrellisEncoding.bitCounts.contains($0) ? .trellis(bits: $0) : nil }
    }
    let isSymmetric = text.last == "s"
    let numbers = (isSymmetric ? text.dropLast() : text).split(separator: "g", omittingEmptySubsequences: false)
    guard numbers.count <= 2, let bits = Int(numbers[0]), (2...8).contains(bits) else { return nil }
    guard numbers.count == 2 else { return .grouped(bits: bits, group: nil, isSymmetric: isSymmetric) }
    guard let group = Int(numbers[1]), (1...GroupedEncoding.largestGroup).contains(group) else { return nil }
    return .grouped(bits: bits, group: group, isSymmetric: isSymmetric)
  }

  private static func pattern(_ text: Substring) -> KeptPattern? {
    let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let kept = numbers[0], let group = numbers[1],
      (2...SparsePattern.largestGroup).contains(group), (1..<group).contains(kept)
    else { return nil }
    return KeptPattern(kept: kept, group: group)
  }
}

extension EncodingCandidate.Values {
  /// Whether the kept values of a pattern can be these.
  fileprivate var canBeKept: Bool {
    switch self {
    case .grouped, .trellis, .dense: true
    case .ternary, .nothing: false
    }
  }
}
