import Encodings
import ModelGraph
import PassKit
import TensorCore

/// Leaves three values of the weights of a matrix and writes them with an entropy code, below one bit each
/// (QMoE, arXiv 2310.16795).
public struct PackTernary: BlockPass {
  public static let name = "pack-ternary"
  public static let summary = "replace the weights of experts by −1, 0 and +1 times a level, 0.3 to 1.4 bits each"
  public static let options = PackTernaryOptions.declarations
  public static let details = """
    Every weight becomes −s, 0 or +s, with feedback of the errors as in `quantize method=gptq`. With `grid=step` there is
    one level s for a whole matrix, chosen so that the value has at most `bits-per-weight`, everything counted: the
    further out it lies the more weights are zero and the shorter is their code. Past some 1.4 bits nothing is gained,
    and they are not used. `grid=minmax` takes the least and the largest weight of each row for −1 and +1, as QMoE does;
    the size is then what it happens to be, and `bits-per-weight` is not used.

    Without targets it takes the experts, which bear it, but for those that `allocate-bits` has decided about; with
    targets any matrix. An expert that no token of the calibration text reaches is rounded without feedback. Below about
    0.3 of `damping` errors pile up in the last columns: more weights are other than zero, and no less is lost.

    Where some experts matter more than others, let `allocate-bits method=experts` choose among candidates such as
    `ternary:0.6`, `ternary:1.2`, `3` and `prune`.
    """

  private let options: PackTernaryOptions

  public init(_ values: OptionValues) { options = PackTernaryOptions(values) }

  public var calibrationNeed: CalibrationNeed { .gram }

  public func plan(_ outline: inout OutlineEditor) throws(PassError) {
    let matched = try outline.matrices(targets: options.targets)
    let intents = outline.outline.intents
    let taken = options.targets == nil ? matched.filter { $0.role == .expert && intents[$0.name] == nil } : matched
    guard !taken.isEmpty else {
      throw .nothingToDo(
        why: "no experts are still dense and undecided, and without targets only they are taken",
        fix: "name matrices with targets, or remove this step")
    }
    for parameter in taken {
      let shape = MatrixShape(dimensions: parameter.dimensions)
      guard let bound = options.bound(of: shape) else {
        throw .nothingToDo(
          why: "\(parameter.name) has \(shape.elementCount) weights, and a ternary value has at most 4 GiB",
          fix: "leave it out with targets")
      }
      outline.assign(.ternary(bound), to: parameter)
    }
    outline.markInexact()
  }

  public func demand(of plan: StepPlan, threadCount: Int) -> WorkDemand {
    let byteCounts = plan.assignments.map {
      MatrixEncoder.workingByteCount(of: $0.shape, to: $0.after, method: .gptq, threadCount: threadCount)
    }
    return WorkDemand(memoryByteCount: byteCounts.max() ?? 0)
  }

  public func run(on block: BlockEditor) throws -> PreservedAnalyses {
    let encoder = MatrixEncoder(method: .gptq, damping: options.damping, order: options.order)
    try block.round(block.assignments, with: encoder, ternary: TernaryEncoder(encoder: encoder))
    return .none
  }
}

extension PackTernaryOptions {
  /// The encoding to plan with: as many bytes as there may be. Nil where the matrix is too large for one.
  fileprivate func bound(of shape: MatrixShape) -> TernaryEncoding? {
    switch grid {
    case .step: .bound(bitsPerWeight: bitsPerWeight, of: shape)
    case .minmax: .bound(ofPairsIn: shape)
    }
  }
}
