import ModelGraph
import ModelIR
import PassKit

/// The experts that stay for the sake of one text.
struct ExpertChoice {
  /// Nil where the text stands for no task, or for all.
  let task: String?
  /// By mixture, how the text uses the experts.
  let uses: [MixtureUse]
  let selection: ExpertSelection
  /// By mixture, the indices of the experts that stay, ascending.
  let kept: [[Int]]

  /// - Throws: `PassError.tooFewExperts`.
  init(
    of uses: [MixtureUse], task: String? = nil, in mixtures: [Mixture], by options: PruneExpertsOptions
  ) throws(PassError) {
    self.task = task
    self.uses = uses
    let unprotected = mixtures.map { [Bool](repeating: false, count: $0.expertCount) }
    selection = ExpertSelection(
      scores: uses.map(options.metric.scores),
      isProtected: options.protectsSuperExperts ? uses.superExperts : unprotected)
    let counts = try options.keptCounts(of: mixtures)
    kept =
      switch options.scope {
      case .layer: selection.best(counts: counts)
      case .global: selection.best(totalCount: counts.reduce(0, +), least: mixtures.map(\.activeCount))
      }
  }

  /// The choice as the task's profile in a model that has these experts left.
  /// - Parameters:
  ///   - stored: by mixture, the indices that stay for any text, ascending.
  ///   - firstUse: how the text uses the first mixture of that model.
  func profile(in stored: [[Int]], firstUse: MixtureUse) -> TaskProfile {
    TaskProfile(
      name: task ?? "",
      experts: zip(stored, kept).map { stored, kept in
        let kept = Set(kept)
        return stored.indices.filter { kept.contains(stored[$0]) }
      },
      signature: firstUse.experts.map { Float($0.probabilitySum / Double(max(1, firstUse.tokenCount))) })
  }
}

extension [ExpertChoice] {
  /// By mixture, the indices of the experts that stay for some of the texts, ascending.
  var stored: [[Int]] {
    (self.first?.kept ?? []).indices.map { mixture in
      Set(flatMap { $0.kept[mixture] }).sorted()
    }
  }
}
