import ModelGraph
import PassKit

extension OutlineEditor {
  /// To be called by a pass that takes experts out: routers lose rows, which can be taken out of dense values only, and
  /// thresholds found for the routers as they are no longer fit.
  /// - Parameter alternative: what helps besides moving the step, where a router is not dense.
  /// - Throws: `PassError.routerTaken`, `.profiledBefore`.
  mutating func announceExpertRemoval(orElse alternative: String? = nil) throws(PassError) {
    try requireNoProfiles()
    let mixtures = outline.graph.mixtures.map(\.mixture)
    for mixture in mixtures {
      guard let router = outline.graph.parameter(named: mixture.router) else { continue }
      let encoding = outline.intents[router.name]?.encoding ?? outline.encoding(of: router)
      guard encoding.isDense else {
        throw .routerTaken(router: router.name, encoding: encoding, alternative: alternative)
      }
    }
    if mixtures.contains(where: { $0.skipping != nil }) {
      note("the thresholds of skip-experts were found with the experts that go: put skip-experts after this step")
    }
  }
}

extension ModelEditor {
  /// Takes the other experts out, with their rows of the routers.
  /// - Parameter kept: see `ModelGraph.keepingExperts(_:)`.
  func keepExperts(_ kept: [[Int]]) throws {
    let fewer = zip(graph.mixtures.map(\.mixture), kept).filter { $0.expertCount > $1.count }
    try replaceGraph(
      graph.keepingExperts(kept),
      keepingRows: Dictionary(fewer.map { ($0.router, $1) }) { first, _ in first })
  }
}
