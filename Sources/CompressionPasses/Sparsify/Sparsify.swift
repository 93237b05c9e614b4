import Encodings
import ModelGraph
import PassKit
import TensorCore

/// Keeps N of every M consecutive weights of a row.
public struct Sparsify: BlockPass {
  public static let name = "sparsify"
  public static let summary = "keep N of every M consecutive weights of a row"
  public static let options = SparsifyOptions.declarations
  public static let details = """
    `method=magnitude` keeps the largest weights and needs no calibration text. `wanda` weighs them by the root mean
    square of their inputs. `sparsegpt` lets the weights it keeps make up for those it drops, chooses the places anew in
    the light of that, and is far more accurate. `armor` puts the kept weights between two small block-diagonal matrices
    fitted with them, the most accurate at the cost of these matrices and of time.

    The group of the pattern must divide the rows of every tensor taken. With `bits` the kept values become integers as
    with `quantize`, in the same step; a `quantize` step afterwards does nearly as well and leaves the choice open.
    """

  let options: SparsifyOptions

  public init(_ values: OptionValues) throws(OptionConflict) { options = try SparsifyOptions(values) }

  public var calibrationNeed: CalibrationNeed { options.method.rounding.calibrationNeed }

  public func plan(_ outline: inout OutlineEditor) throws(PassError) {
    let taken = try outline.matrices(targets: options.targets)
    let rows = taken.map {
      PassError.RowLength(parameter: $0.name, elementCount: MatrixShape(dimensions: $0.dimensions).inputCount)
    }
    let pattern = options.pattern
    let cut = rows.filter { $0.elementCount % pattern.group != 0 }
    guard cut.isEmpty else { throw .patternDoesNotDivide(pattern, rows: cut) }
    if options.bits > 0 {
      try GroupRule(group: options.group, unit: pattern.kept).check(
        rows.map { .init(parameter: $0.parameter, elementCount: pattern.keptCount(of: $0.elementCount)) })
    }
    for parameter in taken { try assign(parameter, &outline) }
  }

  private func assign(_ parameter: ParameterDeclaration, _ outline: inout OutlineEditor) throws(PassError) {
    guard case .dense(let type) = outline.outline.encoding(of: parameter) else {
      preconditionFailure("only dense matrices are taken")
    }
    if options.method == .armor { return try planArmor(parameter, type, &outline) }
    let values: Encoding =
      options.bits > 0
      ? .grouped(GroupedEncoding(bits: options.bits, groupElementCount: options.group, isSymmetric: false))
      : .dense(type)
    outline.assign(.sparse(options.pattern, values: values), to: parameter)
  }

  public func demand(of plan: StepPlan, threadCount: Int) -> WorkDemand {
    let byteCounts = plan.assignments.map { assignment in
      options.method == .armor
        ? Armor.workingByteCount(
          of: assignment.shape, pattern: options.pattern, block: options.block, threadCount: threadCount)
        : LeafEncoder.workingByteCount(
          of: assignment.shape, from: assignment.before, to: assignment.after, method: options.method.rounding,
          threadCount: threadCount)
    }
    return WorkDemand(memoryByteCount: byteCounts.max() ?? 0)
  }

  public func run(on block: BlockEditor) throws -> PreservedAnalyses {
    if options.method == .armor {
      try runArmor(block)
    } else {
      let encoder = MatrixEncoder(method: options.method.rounding, damping: options.damping)
      try block.round(block.assignments, with: encoder)
    }
    return .none
  }
}
