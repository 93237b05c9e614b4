import Encodings
import PassKit

/// The options of `allocate-bits`.
struct AllocateBitsOptions: Sendable {
  /// How the configurations to try are ordered.
  enum Method: String, CaseIterable, Sendable {
    /// By damage predicted from the output change of each unit at two references, with the terms between units.
    case hessianBisection = "hessian-bisection"
    /// By damage measured for each unit at every candidate, as if units did not touch each other.
    case knapsack
    /// One candidate for all.
    case uniform
    /// A width for every expert of a mixture, by what its error costs the mixture's result.
    case experts
  }

  /// How far the bits of `method=experts` may move.
  enum Scope: String, CaseIterable, Sendable {
    case layer, global
  }

  static let methodOption = PassOption<Method>.choice(
    "method", default: .hessianBisection, "how the configurations to try are ordered")
  static let candidatesOption = PassOption<[EncodingCandidate]>.candidates(
    "candidates",
    default: [2, 3, 4, 5, 6, 8].map { EncodingCandidate(.grouped(bits: $0, group: nil, isSymmetric: false)) },
    "encodings to choose from")
  static let perplexityOption = PassOption<Double>
    .fraction(
      "max-perplexity-increase", in: 0...1_000, "target: growth of the perplexity, as a share of the original's"
    )
    .optional(unset: "another target")
  static let divergenceOption = PassOption<Double>
    .number("max-kl", in: 0...1_000, "target: mean KL divergence from the original, in nats")
    .optional(unset: "another target")
  static let agreementOption = PassOption<Double>
    .fraction("min-agreement", in: 0...1, "target: share of positions with the original's most likely token")
    .optional(unset: "another target")
  static let sizeOption = PassOption<Int>.byteSize("size", "target: bytes of all values of the model")
    .optional(unset: "another target")
  static let bitsOption = PassOption<Double>
    .number("bits-per-weight", in: 0.1...32, "target of method=experts: bits per weight of the experts, scales counted")
    .optional(unset: "another target")
  static let scopeOption = PassOption<Scope>
    .choice("scope", "whether method=experts keeps to the target in every layer, or over all of them")
    .optional(unset: "layer for method=experts")
  static let importanceOption = PassOption<ExpertCosts.Importance>
    .choice("importance", "what method=experts takes an error to cost")
    .optional(unset: "energy for method=experts")
  static let groupOption = PassOption<Int>.integer(
    "group", in: 1...GroupedEncoding.largestGroup, default: 64,
    "weights that share a scale where a candidate does not say")
  static let interLayerOption = PassOption<Bool>
    .boolean("inter-layer", "count what units do to each other; only for hessian-bisection")
    .optional(unset: "true for hessian-bisection")
  static let targetsOption = PassOption<[Glob]>.globs("targets", "parameters to take")
    .optional(unset: "every linear weight of the blocks that is still dense, embedding and head")

  static let declarations = [
    methodOption.declaration, candidatesOption.declaration, perplexityOption.declaration, divergenceOption.declaration,
    agreementOption.declaration, sizeOption.declaration, bitsOption.declaration, scopeOption.declaration,
    importanceOption.declaration, groupOption.declaration, interLayerOption.declaration, targetsOption.declaration,
  ]

  let method: Method
  let candidates: [EncodingCandidate]
  let target: AllocationTarget
  let group: Int
  let countsPairs: Bool
  let targets: [Glob]?
  let scope: Scope
  let importance: ExpertCosts.Importance

  init(_ values: OptionValues) throws(OptionConflict) {
    method = values[Self.methodOption]
    candidates = values[Self.candidatesOption]
    group = values[Self.groupOption]
    targets = values[Self.targetsOption]
    let interLayer = values[Self.interLayerOption]
    countsPairs = interLayer ?? (method == .hessianBisection)
    target = try Self.target(values)
    scope = values[Self.scopeOption] ?? .layer
    importance = values[Self.importanceOption] ?? .energy
    try requireExperts(values)
    if interLayer != nil, method != .hessianBisection {
      throw OptionConflict(
        what: "inter-layer goes with method=hessian-bisection only",
        why: "\(method.rawValue) does not look at what units do to each other",
        fix: "leave inter-layer out, or use method=hessian-bisection")
    }
  }

  /// - Throws: where options of `method=experts` are given to another method, or it has another target.
  private func requireExperts(_ values: OptionValues) throws(OptionConflict) {
    let isExperts = method == .experts
    if !isExperts, candidates.contains(where: { $0.values == .nothing }) {
      throw OptionConflict(
        what: "prune is a candidate of method=experts only", why: "\(method.rawValue) takes no experts one by one",
        fix: "leave prune out, or use method=experts")
    }
    if isExperts { try requireChoosable() }
    if case .bitsPerWeight = target, isExperts { return }
    if isExperts {
      throw OptionConflict(
        what: "method=experts has no bits-per-weight", why: "it spends a number of bits, and searches for nothing",
        fix: "give bits-per-weight, such as bits-per-weight=2.5, in place of another target")
    }
    let given: [String?] = [
      values[Self.bitsOption] == nil ? nil : Self.bitsOption.declaration.name,
      values[Self.scopeOption] == nil ? nil : Self.scopeOption.declaration.name,
      values[Self.importanceOption] == nil ? nil : Self.importanceOption.declaration.name,
    ]
    guard let name = given.compactMap(\.self).first else { return }
    throw OptionConflict(
      what: "\(name) goes with method=experts only", why: "\(method.rawValue) has another target",
      fix: "leave \(name) out, or use method=experts")
  }

  /// - Throws: where no expert could stay, or there are more candidates than ``BudgetedChoice`` can number.
  private func requireChoosable() throws(OptionConflict) {
    guard candidates.contains(where: { $0.values != .nothing }) else {
      throw OptionConflict(
        what: "prune is the only candidate", why: "every mixture keeps as many experts as it chooses for a token",
        fix: "add one for those that stay, such as candidates=prune,ternary:0.8,2")
    }
    guard candidates.count <= BudgetedChoice.mostOptions else {
      throw OptionConflict(
        what: "method=experts has \(candidates.count) candidates",
        why: "it chooses among \(BudgetedChoice.mostOptions) at most", fix: "leave out those that differ least in size")
    }
  }

  private static func target(_ values: OptionValues) throws(OptionConflict) -> AllocationTarget {
    let given: [(name: String, target: AllocationTarget?)] = [
      (perplexityOption.declaration.name, values[perplexityOption].map(AllocationTarget.perplexityIncrease)),
      (divergenceOption.declaration.name, values[divergenceOption].map(AllocationTarget.divergence)),
      (agreementOption.declaration.name, values[agreementOption].map(AllocationTarget.agreement)),
      (sizeOption.declaration.name, values[sizeOption].map(AllocationTarget.size)),
      (bitsOption.declaration.name, values[bitsOption].map(AllocationTarget.bitsPerWeight)),
    ]
    let names = given.map(\.name).joined(separator: ", ")
    let targets = given.filter { $0.target != nil }
    guard let target = targets.first?.target else {
      throw OptionConflict(
        what: "allocate-bits has no target", why: "it searches for the smallest model that keeps one",
        fix: "give one of \(names)")
    }
    guard targets.count == 1 else {
      throw OptionConflict(
        what: "allocate-bits has the targets \(targets.map(\.name).joined(separator: " and "))",
        why: "one search keeps one target", fix: "give only one of \(names)")
    }
    return target
  }
}
