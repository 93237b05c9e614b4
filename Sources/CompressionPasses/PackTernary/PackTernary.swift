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
    Every weight becomes −s, 0 or +s, with feedback of the errors as in `quantize method=gptq`. With `grid=step` there is one
    level s for a whole matrix, chosen so that the value has at most `bits-per-weight`, everything counted: the further out
    it lies the more weights are zero and the shorter is their code. Past some 1.4 bits nothing is gained, and they are
    not used. `grid=minmax` takes the least and the largest weight
    of each row for −1 and +1, as QMoE does; the size is then what it happens to be, and `bits-per-weight` is not used.

    Without targets it takes the experts, which bear it; with targets any matrix. An expert that no token of the
    calibration text reaches is rounded without feedback. Below about 0.3 of `damping` errors pile up in the last columns:
    more weights are other than zero, and no less is lost.
    """

  private let options: PackTernaryOptions

  public init(_ values: OptionValues) { options = PackTernaryOptions(values) }

  public var calibrationNeed: CalibrationNeed { .gram }

  public func plan(_ outline: inout OutlineEditor) throws(PassError) {
    let matched = try outline.matrices(targets: options.targets)
    let taken = options.targets == nil ? matched.filter { $0.role == .expert } : matched
    guard !taken.isEmpty else {
      throw .nothingToDo(
        why: "the model has no experts that are still dense, and without targets only they are taken",
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
    let byteCounts = plan.assignments.map { assignment in
      // Symbols of the tiles, all of them joined, and the best value so far.
      MatrixEncoder.workingByteCount(
        of: assignment.shape, to: assignment.after, method: .gptq, threadCount: threadCount)
        + 3 * assignment.shape.elementCount
    }
    return WorkDemand(memoryByteCount: byteCounts.max() ?? 0)
  }

  public func run(on block: BlockEditor) throws -> PreservedAnalyses {
    let encoder = TernaryEncoder(
      encoder: MatrixEncoder(method: .gptq, damping: options.damping, order: options.order))
    var table = ReportTable(title: "ternary weights", columns: ["parameter", "bits per weight", "zeros", "output error"])
    for assignment in block.assignments {
      let result = try encode(assignment, with: encoder, in: block)
      table.append([
        .text(assignment.parameter.name),
        .number(8 * Double(result.value.bytes.count) / Double(assignment.shape.elementCount)),
        .number(result.zeroShare), .number(result.error.outputError),
      ])
      try block.advance(by: assignment.before.byteCount(of: assignment.shape))
    }
    if !table.rows.isEmpty { block.report(table) }
    return .none
  }

  private func encode(
    _ assignment: EncodingAssignment, with encoder: TernaryEncoder, in block: BlockEditor
  ) throws -> TernaryEncoder.Result {
    let name = assignment.parameter.name, shape = assignment.shape
    guard case .dense(let type) = assignment.before else { preconditionFailure("dense values are planned") }
    let weights = block.value(of: assignment.parameter).storage.withBytes { DenseCodec.decode($0, as: type) }
    let inputs = try block.knowledge(ofInputsTo: name, for: .gptq)
    let result: TernaryEncoder.Result
    do throws(WeightFault) {
      try WeightFault.requireFinite(weights.span, rowElementCount: shape.inputCount)
      switch options.grid {
      case .step:
        result = try encoder.encode(
          weights, shape: shape, within: assignment.after.byteCount(of: shape), inputs: inputs, pool: block.pool)
      case .minmax: result = try encoder.encode(weights, shape: shape, inputs: inputs, pool: block.pool)
      }
    } catch {
      throw PassError.weight(parameter: name, error)
    }
    if result.error.lacksFeedback {
      block.note("the inputs of \(name) are too alike even with damping: it was rounded without feedback")
    }
    let squaredNorm = weights.reduce(0.0) { $0 + Double($1) * Double($1) }
    try block.replace(
      assignment, with: result.value.bytes, as: .ternary(result.value.encoding),
      error: WeightError(squaredError: result.error.squaredError, squaredNorm: squaredNorm))
    return result
  }
}

extension PackTernaryOptions {
  /// The encoding to plan with: as many bytes as there may be. Nil where the matrix is too large for one.
  fileprivate func bound(of shape: MatrixShape) -> TernaryEncoding? {
    let levels: TernaryEncoding.Levels = grid == .step ? .matrix : .pair
    let layout = TernaryEncoding(zeros: 1, codeBits: 16, streamByteCount: 0, levels: levels).layout(of: shape)
    let byteCount: Double =
      switch grid {
      case .step: bitsPerWeight * Double(shape.elementCount) / 8 - Double(layout.byteCount)
      // Three values need log2(3) bits; a bundle ends in part of a code word and of a byte.
      case .minmax: 1.75 * Double(shape.elementCount) / 8 + 4 * Double(layout.bundleCount)
      }
    let longest = TernaryCode.longestString
    let least = max(64 + 4 * layout.bundleCount, 2 * ((shape.elementCount + longest - 1) / longest))
    guard byteCount < Double(TernaryEncoding.largestStreamByteCount) else { return nil }
    return TernaryEncoding(zeros: 1, codeBits: 16, streamByteCount: max(least, Int(byteCount)), levels: levels)
  }
}
