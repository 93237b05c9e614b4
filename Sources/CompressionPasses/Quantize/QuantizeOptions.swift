import Encodings
import PassKit

/// The options of `quantize`.
struct QuantizeOptions: Sendable {
  /// What a code of a few bits stands for.
  enum Codes: String, CaseIterable, Sendable {
    /// Steps of a scale that a group of consecutive weights shares.
    case integers
    /// Values of a trellis that runs down the rows.
    case trellis
  }

  static let methodOption = PassOption<MatrixEncoder.Method>.choice(
    "method", default: .rtn, "how codes and scales are chosen")
  static let codesOption = PassOption<Codes>.choice(
    "codes", default: .integers, "what codes stand for: steps of a scale per group, or values of a trellis")
  static let bitsOption = PassOption<Int>.integer("bits", in: 2...8, default: 4, "bits of a code")
  static let groupOption = PassOption<Int>.integer(
    "group", in: 1...GroupedEncoding.largestGroup, default: 64,
    "consecutive weights of a row that share a scale; divides every row")
  static let symmetricOption = PassOption<Bool>.boolean(
    "symmetric", default: false, "without zero points: smaller by a byte a group, less accurate")
  static let dampingOption = PassOption<Double>.number(
    "damping", in: 1e-6...10, default: 0.01,
    "with gptq: share of the inputs' mean square that is added to each, against chance in the calibration text")
  static let orderOption = PassOption<MatrixEncoder.ColumnOrder>.choice(
    "order", default: .activation, "with gptq: which columns go first, those with the largest inputs or the leftmost")
  static let embeddingOption = PassOption<Int>.integer(
    "embedding", in: 0...8, default: 8, "bits of the embedding, 0 or 2 to 8; 0 leaves it as it is")
  static let headOption = PassOption<Int>.integer(
    "head", in: 0...8, default: 8, "bits of the head, 0 or 2 to 8; 0 leaves it as it is")
  static let targetsOption = PassOption<[Glob]>.globs("targets", "parameters to take")
    .optional(unset: "every linear weight of the blocks that is still dense, embedding and head")

  static let declarations = [
    methodOption.declaration, codesOption.declaration, bitsOption.declaration, groupOption.declaration,
    symmetricOption.declaration, dampingOption.declaration, orderOption.declaration, embeddingOption.declaration,
    headOption.declaration, targetsOption.declaration,
  ]

  let method: MatrixEncoder.Method
  let damping: Double
  let order: MatrixEncoder.ColumnOrder
  let codes: Codes
  let bits: Int
  let group: Int
  let isSymmetric: Bool
  /// 0 leaves the embedding as it is.
  let embeddingBits: Int
  /// 0 leaves the head as it is.
  let headBits: Int
  let targets: [Glob]?

  init(_ values: OptionValues) throws(OptionConflict) {
    method = values[Self.methodOption]
    damping = values[Self.dampingOption]
    order = values[Self.orderOption]
    codes = values[Self.codesOption]
    bits = values[Self.bitsOption]
    group = values[Self.groupOption]
    isSymmetric = values[Self.symmetricOption]
    embeddingBits = values[Self.embeddingOption]
    headBits = values[Self.headOption]
    targets = values[Self.targetsOption]
    for (name, bits) in [("embedding", embeddingBits), ("head", headBits)] where bits == 1 {
      throw OptionConflict(
        what: "\(name)=1 is not a width", why: "codes have 2 to 8 bits, and 0 leaves the tensor as it is",
        fix: "give \(name) 0, or a number from 2 to 8")
    }
    if codes == .trellis, !TrellisEncoding.bitCounts.contains(bits) {
      throw OptionConflict(
        what: "codes=trellis has no \(bits) bits", why: "a trellis gains most where codes are short, and has up to 4",
        fix: "give bits from 2 to 4, or codes=integers")
    }
  }
}
