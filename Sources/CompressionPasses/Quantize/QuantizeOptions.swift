import Encodings
import PassKit

/// The options of `quantize`.
struct QuantizeOptions: Sendable {
  /// How codes and scales are chosen.
  enum Method: String, CaseIterable, Sendable {
    /// Round to nearest, with a search for the scale of each group.
    case rtn
  }

  static let methodOption = PassOption<Method>.choice("method", default: .rtn, "how codes and scales are chosen")
  static let bitsOption = PassOption<Int>.integer("bits", in: 2...8, default: 4, "bits of a code")
  static let groupOption = PassOption<Int>.integer(
    "group", in: 1...GroupedEncoding.largestGroup, default: 64,
    "consecutive weights of a row that share a scale; divides every row")
  static let symmetricOption = PassOption<Bool>.boolean(
    "symmetric", default: false, "without zero points: smaller by a byte a group, less accurate")
  static let embeddingOption = PassOption<Int>.integer(
    "embedding", in: 0...8, default: 8, "bits of the embedding, 0 or 2 to 8; 0 leaves it as it is")
  static let headOption = PassOption<Int>.integer(
    "head", in: 0...8, default: 8, "bits of the head, 0 or 2 to 8; 0 leaves it as it is")
  static let targetsOption = PassOption<[Glob]>.globs("targets", "parameters to take")
    .optional(unset: "every linear weight of the blocks that is still dense, embedding and head")

  static let declarations = [
    methodOption.declaration, bitsOption.declaration, groupOption.declaration, symmetricOption.declaration,
    embeddingOption.declaration, headOption.declaration, targetsOption.declaration,
  ]

  let bits: Int
  let group: Int
  let isSymmetric: Bool
  /// 0 leaves the embedding as it is.
  let embeddingBits: Int
  /// 0 leaves the head as it is.
  let headBits: Int
  let targets: [Glob]?

  init(_ values: OptionValues) throws(OptionConflict) {
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
  }
}
