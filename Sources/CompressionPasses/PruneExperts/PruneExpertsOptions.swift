import ModelGraph
import PassKit

/// The options of `prune-experts`.
struct PruneExpertsOptions: Sendable {
  /// How many experts stay.
  enum Budget: Sendable, Equatable {
    case share(Double)
    case count(Int)
  }

  enum Scope: String, CaseIterable, Sendable {
    /// Every mixture keeps as many as the budget says.
    case layer
    /// All mixtures together keep as many as the budgets of all say.
    case global
  }

  static let metricOption = PassOption<ExpertMetric>.choice("metric", default: .reap, "by what experts are judged")
  static let shareOption = PassOption<Double>.fraction("share", in: 0...1, "share of the experts to keep")
    .optional(unset: "count")
  static let countOption = PassOption<Int>
    .integer("count", in: 1...GraphLimits.expertCount, "experts to keep per layer")
    .optional(unset: "share")
  static let scopeOption = PassOption<Scope>.choice(
    "scope", default: .layer, "whether every layer keeps as many, or those score highest over all layers")
  static let protectOption = PassOption<Bool>.boolean(
    "protect-super-experts", default: false, "keep experts with extreme activations, whatever their score")
  static let profilesOption = PassOption<Bool>.boolean(
    "profiles", default: false, "choose experts for each task, and record the choices for the runtime to take one")

  static let declarations = [
    metricOption.declaration, shareOption.declaration, countOption.declaration, scopeOption.declaration,
    protectOption.declaration, profilesOption.declaration,
  ]

  let metric: ExpertMetric
  let budget: Budget
  let scope: Scope
  let protectsSuperExperts: Bool
  let choosesByTask: Bool

  init(_ values: OptionValues) throws(OptionConflict) {
    metric = values[Self.metricOption]
    scope = values[Self.scopeOption]
    protectsSuperExperts = values[Self.protectOption]
    choosesByTask = values[Self.profilesOption]
    switch (values[Self.shareOption], values[Self.countOption]) {
    case (let share?, nil): budget = .share(share)
    case (nil, let count?): budget = .count(count)
    case (let share, _):
      throw OptionConflict(
        what: share == nil ? "prune-experts has neither share nor count" : "prune-experts has both share and count",
        why: "one of them says how many experts stay", fix: "give share, such as share=0.5, or count")
    }
  }

  /// Experts that every mixture keeps, on average over all layers where the scope is global.
  /// - Throws: `PassError.tooFewExperts`.
  func keptCounts(of mixtures: [Mixture]) throws(PassError) -> [Int] {
    var counts: [Int] = []
    for mixture in mixtures { counts.append(try keptCount(of: mixture)) }
    return counts
  }

  private func keptCount(of mixture: Mixture) throws(PassError) -> Int {
    let count =
      switch budget {
      case .share(let share): Int((share * Double(mixture.expertCount)).rounded())
      case .count(let count): min(count, mixture.expertCount)
      }
    guard count >= mixture.activeCount else {
      throw .tooFewExperts(
        router: mixture.router, kept: count, active: mixture.activeCount, expertCount: mixture.expertCount)
    }
    return count
  }
}
