import Encodings
import PassKit

/// The options of `sparsify`.
struct SparsifyOptions: Sendable {
  /// How the kept places and their values are chosen.
  enum Method: String, CaseIterable, Sendable {
    /// The largest weights.
    case magnitude
    /// The largest products of weight and root mean square of the input (Wanda, arXiv 2306.11695).
    case wanda
    /// Those whose loss the others can make up for least, while they do (SparseGPT, arXiv 2301.00774).
    case sparsegpt
    /// A 2:4 core between two block-diagonal matrices, fitted together (ARMOR, arXiv 2510.05528).
    case armor

    /// How the kept values are rounded.
    var rounding: MatrixEncoder.Method {
      switch self {
      case .magnitude: .rtn
      case .wanda: .imatrix
      case .sparsegpt, .armor: .gptq
      }
    }
  }

  static let patternOption = PassOption<KeptPattern>.pattern(
    "pattern", largestGroup: SparsePattern.largestGroup, default: KeptPattern(kept: 2, group: 4),
    "how many of how many consecutive weights of a row are kept")
  static let methodOption = PassOption<Method>.choice(
    "method", default: .sparsegpt, "how the kept places and their values are chosen")
  static let bitsOption = PassOption<Int>.integer(
    "bits", in: 0...8, default: 0, "bits of the kept values, chosen together with their places; 0 leaves their type")
  static let groupOption = PassOption<Int>.integer(
    "group", in: 1...GroupedEncoding.largestGroup, default: 64,
    "with bits: kept values of a row that share a scale; a multiple of those kept of each group")
  static let dampingOption = PassOption<Double>.number(
    "damping", in: 1e-6...10, default: 0.01,
    "with sparsegpt and armor: share of the inputs' mean square that is added to each")
  static let blockOption = PassOption<Int>.integer(
    "block", in: 2...BlockDiagonal.largestBlock, default: 32,
    "with armor: rows of the blocks of the two matrices, at most; a smaller one where it does not divide the sides")
  static let targetsOption = PassOption<[Glob]>.globs("targets", "parameters to take")
    .optional(unset: "every linear weight of the blocks that is still dense")

  static let declarations = [
    patternOption.declaration, methodOption.declaration, bitsOption.declaration, groupOption.declaration,
    dampingOption.declaration, blockOption.declaration, targetsOption.declaration,
  ]

  let pattern: SparsePattern
  let method: Method
  /// 0 leaves the values in their type.
  let bits: Int
  let group: Int
  let damping: Double
  let block: Int
  let targets: [Glob]?

  init(_ values: OptionValues) throws(OptionConflict) {
    let pattern = values[Self.patternOption]
    self.pattern = SparsePattern(kept: pattern.kept, group: pattern.group)
    method = values[Self.methodOption]
    bits = values[Self.bitsOption]
    group = values[Self.groupOption]
    damping = values[Self.dampingOption]
    block = values[Self.blockOption]
    targets = values[Self.targetsOption]
    if bits == 1 {
      throw OptionConflict(
        what: "bits=1 is not a width", why: "codes have 2 to 8 bits, and 0 leaves the values in their type",
        fix: "give bits 0, or a number from 2 to 8")
    }
    if bits > 0, group % pattern.kept != 0 {
      throw OptionConflict(
        what: "group=\(group) is no multiple of the \(pattern.kept) kept of every \(pattern.group)",
        why: "a group of kept values must lie in the same columns of every row",
        fix: "use group=\(max(1, group / pattern.kept) * pattern.kept)")
    }
    guard method == .armor else { return }
    if !Armor.accepts(self.pattern) {
      throw OptionConflict(
        what: "method=armor does not take the pattern \(pattern.kept):\(pattern.group)",
        why: "it tries every set of places of a group, and this pattern has \(self.pattern.setCount)",
        fix: "use a smaller pattern such as 2:4, or another method")
    }
    if bits > 0 {
      throw OptionConflict(
        what: "bits=\(bits) and method=armor do not go together", why: "armor fits values in floating point",
        fix: "leave bits out, and put a quantize step after this one")
    }
  }
}
