import Encodings
import ModelGraph
import PassKit
import TensorCore

/// Decides which encoding each tensor gets, so that the model is as small as a stated accuracy allows or as accurate as
/// a stated size does. It leaves intents that a later pass carries out.
///
/// Configurations are put in an order from the largest to the smallest by predicted damage per byte
/// (``DamageModel``), and the order is searched by bisection with a true evaluation at every step (arXiv 2306.04879).
public struct AllocateBits: ModelPass {
  public static let name = "allocate-bits"
  public static let summary = "decide which encoding each tensor gets, to keep a stated accuracy or size"
  public static let options = AllocateBitsOptions.declarations
  public static let details = """
    One target says what to keep: `max-perplexity-increase`, `max-kl`, `min-agreement` or `size`. The first three are
    measured on held-out text, and the measurement must keep the target by one standard error. For a perplexity, the
    exponential of the KL divergence must keep it too: it says what to expect on other text, where the ratio of a few
    windows may be lucky. `size` counts the values of the whole model, those not taken included; graph, tokenizer and
    tables of the file come on top.

    Candidates are written `4` (grouped, 4 bits), `4s` (symmetric), `4g32` (groups of 32), `t3` (trellis), `bf16`
    (dense), `2:4x4` (2 of every 4 weights kept, as 4 bits), `ternary:0.8` (−1, 0 and +1 times a level in at most 0.8
    bits a weight, as `pack-ternary` makes them) and, for `method=experts`, `prune` (the expert goes). One that a
    tensor's rows do not divide by is passed over for that tensor. Embedding and head are assigned like the rest; where
    they are one tensor they get one encoding. In a mixture, the same matrix of all experts of a layer is one unit.

    The pass itself changes no weight, though it takes out the experts that go: follow it with `quantize method=gptq`,
    which gives each tensor the encoding decided here, ternary ones included.

    `hessian-bisection` measures how each unit changes the output at two candidates, scales that to the others by the
    layer's Hessian, and counts how the changes of different units add up (`inter-layer`). `knapsack` measures every
    unit at every candidate and takes the changes as independent, so that the order is that of a Lagrange multiplier.
    `uniform` gives all units one candidate.

    `experts` takes the experts of mixtures only, each of them one unit, and spends `bits-per-weight` on them, scales
    included: in every layer (`scope=layer`) or over all of them, where the error of each layer counts by how much the
    model's output changes. What an expert's error costs is `importance`: `energy` is the squared change of the
    mixture's result, Σ gate²·‖change of the output‖² over the tokens of the expert; `mc-moe` is φ·w^1.5·ε², with φ the
    share of tokens, w that of the router's weight and ε the square root of the same change (arXiv 2410.06270). Which
    width goes where is solved exactly, but that in very large models sizes are rounded up a little. An expert that no
    token reaches counts a tenth of the layer's median.

    An expert that goes costs the whole energy of its output, Σ gate²·‖output‖²: what others make of its tokens in its
    place is not counted. Every mixture keeps at least as many as it chooses for a token, and the bits of those that go
    are spent on the rest, so that `bits-per-weight` counts the weights of all. Below 2 bits allow `prune`, or several
    rates such as `ternary:0.5` and `ternary:1.2`: experts differ far more than widths do. The thresholds of
    `skip-experts` fit no longer when experts go: put that step after this one.
    """

  let options: AllocateBitsOptions

  public init(_ values: OptionValues) throws(OptionConflict) { options = try AllocateBitsOptions(values) }

  public var needsCalibration: Bool { true }

  public func plan(_ outline: inout OutlineEditor) throws(PassError) {
    if options.candidates.contains(where: { $0.values == .nothing }) {
      try outline.announceExpertRemoval(orElse: "leave prune out of the candidates")
    }
    let parameters = try takenMatrices(outline)
    let units = try units(of: parameters, in: outline.outline.graph)
    let taken = parameters.reduce(0) {
      $0 + outline.outline.encoding(of: $1).byteCount(of: MatrixShape(dimensions: $1.dimensions))
    }
    let assignment = try foreseen(
      units, in: outline.outline.graph, otherByteCount: outline.outline.sizes.total.byteCount - taken)
    for (unit, option) in zip(units, assignment) {
      for (parameter, encoding) in zip(unit.parameters, unit.options[option].encodings) {
        outline.setIntent(.open(encoding), of: parameter)
      }
    }
    outline.markInexact()
  }

  public func demand(of plan: StepPlan, threadCount: Int) -> WorkDemand {
    let graph = plan.outline.graph
    let parameters = graph.parameters.filter { plan.outline.isOpen($0) }
    guard let units = try? units(of: parameters, in: graph) else { return WorkDemand() }
    var demand = WorkDemand()
    for unit in units {
      for (place, parameter) in unit.parameters.enumerated() {
        let shape = MatrixShape(dimensions: parameter.dimensions)
        let method = EncodedCandidates.method(for: parameter, in: graph), before = plan.outline.encoding(of: parameter)
        for option in unit.options where !option.isPruned && option.encodings[place] != before {
          let encoding = option.encodings[place]
          demand.candidateByteCount += encoding.byteCount(of: shape)
          demand.memoryByteCount = max(
            demand.memoryByteCount,
            MatrixEncoder.workingByteCount(of: shape, to: encoding, method: method, threadCount: threadCount))
        }
      }
    }
    let measured = units.reduce(0) { $0 + referenceCount(of: $1) }
    demand.memoryByteCount += measured * measured * MemoryLayout<Double>.size
    demand.outputChangeCount = options.countsPairs ? measured : min(measured, 1)
    return demand
  }

  /// Options of a unit whose damage is measured, at most.
  private func referenceCount(of unit: AllocationUnit) -> Int {
    switch options.method {
    case .uniform: 0
    case .experts: 1
    case .knapsack: unit.options.count
    case .hessianBisection: min(2, unit.options.count)
    }
  }

  public func run(on editor: ModelEditor) throws -> PreservedAnalyses {
    guard let evaluation = editor.evaluation else { throw PassError.needsCalibration }
    let units = try units(of: editor.undecided, in: editor.graph)
    let candidates = try EncodedCandidates(units, of: editor)
    let damage = try damage(of: candidates, evaluation, editor)
    let ordering = damage.map { DamageOrdering(units, $0) }
    let untouched = units.flatMap(\.parameters).reduce(editor.model.sizes.total.byteCount) {
      $0 - editor.value(of: $1).storage.byteCount
    }
    var search = AllocationSearch(options.target, byteCount: { untouched + units.byteCount(of: $0) }) {
      try editor.advance(by: 0)
      return try evaluation.accuracy(of: candidates.model($0))
    }
    let chosen: Assignment
    if options.method == .experts {
      chosen = try search.run(onlyOn: expertWidths(of: candidates, evaluation, editor))
    } else {
      let path = ordering?.path() ?? units.uniformAssignments(of: options.candidates)
      chosen = try search.run(on: path, ordering: ordering)
    }
    for (unit, option) in zip(units, chosen) {
      for (parameter, encoding) in zip(unit.parameters, unit.options[option].encodings) {
        editor.setIntent(encoding, of: parameter)
      }
    }
    AllocationReport(
      units: units, candidates: options.candidates, target: options.target, untouchedByteCount: untouched,
      elementCount: editor.model.sizes.total.elementCount, damage: damage
    ).write(steps: search.steps, chosen: chosen, to: editor)
    let gone = zip(units, chosen).filter { $0.options[$1].isPruned }.map(\.0)
    guard !gone.isEmpty else { return .all }
    try editor.keepExperts(editor.graph.experts(without: gone))
    return .none
  }

  private func units(
    of parameters: [ParameterDeclaration], in graph: ModelGraph
  ) throws(PassError) -> [AllocationUnit] {
    try AllocationUnit.units(
      of: parameters, in: graph, candidates: options.candidates, group: options.group,
      byExpert: options.method == .experts)
  }

  private func takenMatrices(_ outline: OutlineEditor) throws(PassError) -> [ParameterDeclaration] {
    guard options.method == .experts else {
      return try outline.matrices(targets: options.targets, moreRoles: [.embedding, .head])
    }
    let matched = try outline.matrices(targets: options.targets)
    let experts = matched.filter { $0.role == .expert }
    guard !experts.isEmpty else {
      throw .nothingToDo(
        why: "method=experts takes experts of mixtures, and none of the targets is part of one",
        fix: "use another method, or targets such as '*.experts.*'")
    }
    return experts
  }

  /// What to plan with: for an accuracy the most bytes there may be, for a size the largest candidate for all that
  /// fits, and the next larger one for the first units until no more fits.
  /// - Throws: where even the smallest candidates are too large.
  private func foreseen(
    _ units: [AllocationUnit], in graph: ModelGraph, otherByteCount: Int
  ) throws(PassError) -> Assignment {
    let limit: Int
    switch options.target {
    case .size(let byteCount): limit = byteCount
    case .bitsPerWeight(let bits): limit = otherByteCount + units.byteCount(forBitsPerWeight: bits)
    case .perplexityIncrease, .divergence, .agreement: return units.map { _ in 0 }
    }
    let smallest = units.map { $0.keptOptionCount - 1 }
    let leastOfUnits =
      options.method == .experts
      ? units.leastByteCount(in: units.mixtureGroups(in: graph)) : units.byteCount(of: smallest)
    let least = otherByteCount + leastOfUnits
    guard least <= limit else { throw options.target.notMet(leastByteCount: least) }
    var larger: Assignment?, assignment = smallest
    for candidate in units.uniformAssignments(of: options.candidates) {
      if otherByteCount + units.byteCount(of: candidate) <= limit {
        assignment = candidate
        break
      }
      larger = candidate
    }
    guard let larger else { return assignment }
    var room = limit - otherByteCount - units.byteCount(of: assignment)
    for (index, unit) in units.enumerated() {
      let extra = unit.options[larger[index]].byteCount - unit.options[assignment[index]].byteCount
      guard extra <= room else { break }
      assignment[index] = larger[index]
      room -= extra
    }
    return assignment
  }

  /// Nil where the order needs none.
  private func damage(
    of candidates: EncodedCandidates, _ evaluation: any CandidateEvaluation, _ editor: ModelEditor
  ) throws -> DamageModel? {
    let measurable = candidates.errors.map { errors in errors.indices.filter { errors[$0] > 0 } }
    let references: [[Int]]
    switch options.method {
    case .uniform, .experts: return nil
    case .knapsack: references = measurable
    case .hessianBisection:
      references = measurable.map { $0.count < 3 ? $0 : [$0[$0.count / 2], $0[$0.count - 1]] }
    }
    return try .measure(
      candidates, references: references, countsPairs: options.countsPairs, evaluation: evaluation, of: editor)
  }
}
