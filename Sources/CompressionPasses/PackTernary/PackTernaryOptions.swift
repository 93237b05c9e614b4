import Encodings
import PassKit

/// The options of `pack-ternary`.
struct PackTernaryOptions: Sendable {
  /// From where the values of −1 and +1 come.
  enum Grid: String, CaseIterable, Sendable {
    /// One level for the whole matrix, as far out as the size asks for.
    case step
    /// The least and the largest weight of each row, whatever size that gives.
    case minmax
  }

  static let bitsOption = PassOption<Double>.number(
    "bits-per-weight", in: TernaryEncoding.bitsPerWeight, default: 0.8, "bits of a weight at most, everything counted")
  static let gridOption = PassOption<Grid>.choice("grid", default: .step, "from where the values of −1 and +1 come")
  static let dampingOption = PassOption<Double>.number(
    "damping", in: 1e-6...10, default: TernaryEncoder.defaultDamping,
    "share of the inputs' mean square that is added to each; at this rate much of it is needed")
  static let orderOption = PassOption<MatrixEncoder.ColumnOrder>.choice(
    "order", default: .activation, "which columns go first, those with the largest inputs or the leftmost")
  static let targetsOption = PassOption<[Glob]>.globs("targets", "parameters to take")
    .optional(unset: "every matrix of the experts that is still dense")

  static let declarations = [
    bitsOption.declaration, gridOption.declaration, dampingOption.declaration, orderOption.declaration,
    targetsOption.declaration,
  ]

  let bitsPerWeight: Double
  let grid: Grid
  let damping: Double
  let order: MatrixEncoder.ColumnOrder
  let targets: [Glob]?

  init(_ values: OptionValues) {
    bitsPerWeight = values[Self.bitsOption]
    grid = values[Self.gridOption]
    damping = values[Self.dampingOption]
    order = values[Self.orderOption]
    targets = values[Self.targetsOption]
  }
}
