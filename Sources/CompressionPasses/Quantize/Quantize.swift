import Encodings
import ModelGraph
import PassKit
import TensorCore

/// Replaces floating-point weights by integers of a few bits that share a scale per group: rounded to nearest, weighted
/// by the inputs' mean squares, or with feedback of the errors (``MatrixEncoder``).
public struct Quantize: ParameterPass {
  public static let name = "quantize"
  public static let summary = "replace floating-point weights by codes of 2 to 8 bits"
  public static let options = QuantizeOptions.declarations
  public static let details = """
    Every group of `group` consecutive weights of a row has its own scale and, unless `symmetric`, its own zero point,
    both searched for the smallest squared error. `group` must divide the rows of every plain matrix taken.

    `method=rtn` rounds to nearest and needs no calibration text. `imatrix` weighs each column's error by the mean square
    of its input. `gptq` lets every column take up the errors of those before it, so that the output changes least, and
    then improves codes and scales once more; it is the most accurate and the slowest.

    `codes=trellis` (2 to 4 bits) makes every code one step of a trellis down the rows instead, with one scale per row:
    at 2 and 3 bits it loses less than half of what integers lose, is smaller by their scales, and takes longer to
    compile. Kept values, embedding tables and what has more bits keep integers.

    After `sparsify` or `factorize` the kept values or the factors are taken; places stay as they are. Where `group`
    does not divide their rows, the largest smaller one that does is used. After `allocate-bits` every matrix gets the
    encoding decided for it, and `bits` must be left out. Ternary ones are rounded with the damping that `pack-ternary`
    has by default, whatever `damping` says.

    `embedding` and `head` say the bits of these two wherever the pass takes them, by default or by targets; `bits` is
    for all others. Where the head multiplies by the embedding table there is one tensor: `embedding` governs it, and
    a `head` that says something else (other than its default) is refused. An embedding that is only looked up multiplies
    nothing and is always rounded to nearest.

    Routers and norms are taken only where a pattern names them, vectors such as biases never.
    """

  private let options: QuantizeOptions

  public init(_ values: OptionValues) throws(OptionConflict) { options = try QuantizeOptions(values) }

  public var calibrationNeed: CalibrationNeed { options.method.calibrationNeed }

  public func plan(_ outline: inout OutlineEditor) throws(PassError) {
    let matched = try outline.matrices(
      targets: options.targets, moreRoles: [.embedding, .head], taking: .denseLeaves)
    let decided = matched.filter { outline.outline.intents[$0.name] != nil }
    if let first = decided.first, let intent = outline.outline.intents[first.name],
      QuantizeOptions.bitsOption.declaration.fallback != .value(.integer(options.bits))
    {
      throw .decidedBefore(option: "bits", parameter: first.name, encoding: intent.encoding)
    }
    if !decided.isEmpty, options.method != .gptq {
      outline.note("the encodings were chosen for method=gptq; method=\(options.method.rawValue) loses more than measured")
    }
    let open = matched.filter { outline.outline.intents[$0.name] == nil }
    if outline.outline.graph.isTied, let table = open.first(where: { $0.role == .embedding }) {
      try checkTiedHead(table, &outline)
    }
    let taken = open.filter { bits(of: $0) > 0 }
    guard !taken.isEmpty || !decided.isEmpty else {
      throw .nothingToDo(
        why: "embedding=0 and head=0 leave out all that is still dense among the targets",
        fix: "give them bits, widen the targets, or remove this step")
    }
    let rows = taken.filter {
      outline.outline.encoding(of: $0).isDense && !options.isTrellis(role: $0.role, bits: bits(of: $0))
    }.map {
      PassError.RowLength(parameter: $0.name, elementCount: MatrixShape(dimensions: $0.dimensions).inputCount)
    }
    try GroupRule(group: options.group).check(rows)
    for parameter in matched {
      let before = outline.outline.encoding(of: parameter)
      let after: Encoding
      if let intent = outline.outline.intents[parameter.name] {
        after = intent.encoding
      } else if bits(of: parameter) > 0 {
        after = options.quantized(
          before, shape: MatrixShape(dimensions: parameter.dimensions), role: parameter.role, bits: bits(of: parameter))
      } else {
        continue
      }
      if after != before { outline.assign(after, to: parameter) }
    }
  }

  public func run(on block: BlockEditor) throws -> PreservedAnalyses {
    try encodeRows(of: block.assignments.filter(isByRows), in: block)
    let encoder = MatrixEncoder(method: options.method, damping: options.damping, order: options.order)
    try block.round(block.assignments.filter { !isByRows($0) }, with: encoder)
    return .none
  }

  public func demand(of plan: StepPlan, threadCount: Int) -> WorkDemand {
    let byteCounts = plan.assignments.filter { !isByRows($0) }.map {
      LeafEncoder.workingByteCount(
        of: $0.shape, from: $0.before, to: $0.after, method: options.method, threadCount: threadCount)
    }
    return WorkDemand(memoryByteCount: byteCounts.max() ?? 0)
  }

  /// Whether a matrix can be cut anywhere between rows.
  private func isByRows(_ assignment: EncodingAssignment) -> Bool {
    guard options.method == .rtn, assignment.before.isDense else { return false }
    switch assignment.after {
    case .dense, .grouped: return true
    case .trellis, .ternary, .sparse, .lowRank, .sum, .wrapped: return false
    }
  }

  public func encode(
    _ rows: Span<Float>, shape: MatrixShape, as encoding: Encoding
  ) throws(WeightFault) -> EncodedRows {
    if case .dense(let type) = encoding { return try EncodedRows(rounding: rows, shape: shape, to: type) }
    guard case .grouped(let grouped) = encoding else { preconditionFailure("rows are dense or grouped") }
    var quantizer = GroupedQuantizer(encoding: grouped, inputCount: shape.inputCount)
    var packer = GroupedPacker(
      encoding: grouped, inputCount: shape.inputCount, expectedRowCount: shape.outputCount)
    var squaredError = 0.0
    for row in 0..<shape.outputCount {
      let range = row * shape.inputCount..<(row + 1) * shape.inputCount
      squaredError += quantizer.quantizeRow(rows.extracting(range), into: &packer)
    }
    return EncodedRows(packer, squaredError: squaredError)
  }

  private func bits(of parameter: ParameterDeclaration) -> Int {
    switch parameter.role {
    case .embedding: options.embeddingBits
    case .head: options.headBits
    default: options.bits
    }
  }

  private func checkTiedHead(_ table: ParameterDeclaration, _ outline: inout OutlineEditor) throws(PassError) {
    guard options.headBits != options.embeddingBits else { return }
    // A canonical list spells the default out, so that its being written cannot count as a wish.
    guard QuantizeOptions.headOption.declaration.fallback == .value(.integer(options.headBits)) else {
      throw .tiedHead(parameter: table.name, embeddingBits: options.embeddingBits, headBits: options.headBits)
    }
    outline.note("the head multiplies by \(table.name), so embedding=\(options.embeddingBits) holds for both")
  }
}
