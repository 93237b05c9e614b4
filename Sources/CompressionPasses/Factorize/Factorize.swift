import Encodings
import LinearAlgebra
import ModelGraph
import ModelIR
import PassKit
import TensorCore

/// Replaces matrices by products of two thin ones, or adds such a product to what quantizing left behind.
public struct Factorize: SurveyingPass {
  public static let name = "factorize"
  public static let summary = "replace matrices by products of two thin ones, or add such products to quantized ones"
  public static let options = FactorizeOptions.declarations
  public static let details = """
    A matrix of R × d weights becomes U·V with U (R, r) and V (r, d), which saves where r is below R·d / (R + d). Of
    all products of rank r the one is taken that changes the output least (`whitened`), or the weights, scaled by the
    root mean squares of the inputs (`activation`) or as they are (`svd`, which needs no calibration text).

    Exactly one budget says the ranks. `parameters=0.8` keeps at most 80 % of the parameters of the matrices taken:
    `scope=uniform` of each, `scope=global` of all together, where they cost least. For that every matrix is first
    factorized alone and the change of the model's output measured (`importance=measured`), or the loss of each is
    related to the energy of its output (`importance=relative`: much faster on large models, and what `svd` always
    does). A matrix whose rank would reach break-even stays as it is. `energy=0.95` keeps that share of the energy of
    the output in each matrix. `correction=32` adds factors of rank 32 to matrices that an earlier step quantized, so
    that the sum comes nearest to the original.

    A later `quantize` takes the factors. Ranks are multiples of 8, in small matrices of a smaller power of two.
    """

  let options: FactorizeOptions

  public init(_ values: OptionValues) throws(OptionConflict) { options = try FactorizeOptions(values) }

  public var calibrationNeed: CalibrationNeed { options.calibrationNeed }

  public var needsSurvey: Bool {
    switch options.budget {
    case .parameters: options.scope == .global
    case .energy: true
    case .correction: false
    }
  }

  public var evaluatesCandidates: Bool {
    guard case .parameters = options.budget else { return false }
    return options.scope == .global && options.importance == .measured && options.method != .svd
  }

  public func plan(_ outline: inout OutlineEditor) throws(PassError) {
    if case .correction(let rank) = options.budget { return try planCorrection(rank: rank, &outline) }
    let targets = try outline.matrices(targets: options.targets)
    let decided = targets.filter { Self.decidedRank(of: $0, in: outline) != nil }
    let isDecided = needsSurvey && !decided.isEmpty
    var kept = 0, whole = 0, denseCount = 0
    for parameter in targets {
      let shape = MatrixShape(dimensions: parameter.dimensions)
      let rank = isDecided ? Self.decidedRank(of: parameter, in: outline) : foreseenRank(of: shape)
      whole += shape.elementCount
      if let rank {
        outline.assign(options.encoding(rank: rank), to: parameter)
        kept += rank * (shape.outputCount + shape.inputCount)
      } else {
        denseCount += 1
        kept += shape.elementCount
      }
    }
    guard denseCount < targets.count else {
      throw .nothingToDo(
        why: "the matrices among the targets are so small that no factors are smaller",
        fix: "widen the targets, or remove this step")
    }
    if needsSurvey && !isDecided { outline.markInexact() }
    let share = (1_000 * Double(kept) / Double(whole)).rounded() / 10
    outline.note(
      "\(share) % of the parameters of \(targets.count) matrices"
        + (denseCount > 0 ? ", of which \(denseCount) stay as they are" : ""))
  }

  private func planCorrection(rank: Int, _ outline: inout OutlineEditor) throws(PassError) {
    for parameter in try outline.matrices(targets: options.targets, taking: .quantized) {
      let shape = MatrixShape(dimensions: parameter.dimensions)
      guard options.allowsGrowth || rank * (shape.outputCount + shape.inputCount) < shape.elementCount else {
        throw .rankPastBreakEven(parameter: parameter.name, rank: rank, largest: RankTable.ranks(of: shape).last ?? 0)
      }
      guard rank <= min(shape.outputCount, shape.inputCount) else {
        throw .rankPastBreakEven(
          parameter: parameter.name, rank: rank, largest: min(shape.outputCount, shape.inputCount))
      }
      outline.assign(.sum(outline.outline.encoding(of: parameter), options.encoding(rank: rank)), to: parameter)
    }
  }

  /// The rank that the survey has found.
  private static func decidedRank(of parameter: ParameterDeclaration, in outline: OutlineEditor) -> Int? {
    guard case .decided(.lowRank(let rank, _, _))? = outline.outline.intents[parameter.name] else { return nil }
    return rank
  }

  /// The rank under a budget of parameters that is the same for every matrix, the largest otherwise; nil for a matrix
  /// that must stay as it is.
  private func foreseenRank(of shape: MatrixShape) -> Int? {
    let ranks = RankTable.ranks(of: shape)
    switch options.budget {
    case .parameters(let share):
      let limit = share * Double(shape.elementCount)
      return ranks.last { Double($0 * (shape.outputCount + shape.inputCount)) <= limit } ?? ranks.first
    case .energy: return options.allowsGrowth ? min(shape.outputCount, shape.inputCount) : ranks.last
    case .correction: return nil
    }
  }

  public func demand(of plan: StepPlan, threadCount: Int) -> WorkDemand {
    let isCorrection = if case .correction = options.budget { true } else { false }
    let assignments = Dictionary(uniqueKeysWithValues: plan.assignments.map { ($0.parameter.name, $0) })
    // The jobs of one wave are of one block, and each may hold another Gram matrix.
    let waves = plan.outline.graph.parametersByLastUse().map { parameters in
      parameters.compactMap { assignments[$0.name]?.shape }.map { shape in
        FactorizationJob.workingByteCount(of: shape, need: calibrationNeed, isCorrection: isCorrection)
          + (calibrationNeed == .gram ? Gram.byteCount(width: shape.inputCount) : 0)
      }.sorted(by: >).prefix(threadCount).reduce(0, +)
    }
    let tables = needsSurvey ? plan.assignments.reduce(0) { $0 + RankTable.byteCount(of: $1.shape) } : 0
    return WorkDemand(
      memoryByteCount: (waves.max() ?? 0) + tables, outputChangeCount: evaluatesCandidates ? 1 : 0)
  }

  public func run(on block: BlockEditor) throws -> PreservedAnalyses {
    var table = ReportTable(title: "factors", columns: ["parameter", "rank", "kept energy", "output error"])
    // As many at a time as there are threads: each holds several matrices in double precision.
    for first in stride(from: 0, to: block.assignments.count, by: block.pool.threadCount) {
      let wave = block.assignments[first..<min(first + block.pool.threadCount, block.assignments.count)]
      let jobs = try wave.map { try job(for: $0, in: block) }
      let results = try block.pool.map(jobs.count) { try jobs[$0].run() }
      for (assignment, result) in zip(wave, results) {
        try block.replace(assignment, with: result.bytes, error: result.weightError)
        table.append([
          .text(assignment.parameter.name), .number(Double(result.rank)), .number(1 - result.lostEnergy),
          .number(result.outputError),
        ])
        try block.advance(by: assignment.before.byteCount(of: assignment.shape))
      }
    }
    if !table.rows.isEmpty { block.report(table) }
    return .none
  }

  private func job(for assignment: EncodingAssignment, in block: BlockEditor) throws -> FactorizationJob {
    let parameter = assignment.parameter
    let inputs = try options.method.inputs(
      of: parameter.name, isLookedUp: block.block.looksUp(parameter.name), block.inputs)
    var original: ParameterValue?
    if case .sum = assignment.after {
      original = block.originalValue(of: parameter)
      let isUsable = original.map {
        $0.encoding.isDense && $0.storage.byteCount == $0.encoding.byteCount(of: assignment.shape)
      }
      guard isUsable == true else { throw PassError.originalGone(parameter: parameter.name) }
    }
    return FactorizationJob(
      assignment: assignment, value: block.value(of: parameter), original: original, inputs: inputs,
      context: block.context)
  }
}

extension FactorizeOptions.Method {
  /// What is known of the inputs of a matrix; a table that is looked up has none.
  func inputs(of parameter: String, isLookedUp: Bool, _ inputs: (any BlockInputs)?) throws -> InputKnowledge {
    if self == .svd || isLookedUp { return .none }
    guard let inputs else { throw PassError.needsCalibration }
    return self == .activation
      ? .meanSquares(try inputs.meanSquares(ofInputsTo: parameter)) : .gram(try inputs.gram(ofInputsTo: parameter))
  }
}

extension Block {
  /// Whether rows of the parameter are looked up here.
  func looksUp(_ parameter: String) -> Bool {
    statements.contains { ($0.operation as? Embed)?.table == parameter }
  }
}
