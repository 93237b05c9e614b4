import ModelGraph
import PassKit

extension OutlineEditor {
  /// To be called by a pass that takes experts out: routers lose rows, which can be taken out of dense values only.
  /// - Throws: `PassError.alreadyCompressed`, `.profiledBefore`.
  func requireRemovableExperts() throws(PassError) {
    try requireNoProfiles()
    for placed in outline.graph.mixtures {
      guard let router = outline.graph.parameter(named: placed.mixture.router) else { continue }
      let encoding = outline.intents[router.name]?.encoding ?? outline.encoding(of: router)
      guard encoding.isDense else { throw .alreadyCompressed(parameter: router.name, encoding: encoding) }
    }
  }
}

extension ModelEditor {
  /// Takes the other experts out, with their rows of the routers.
  /// - Parameter kept: see `ModelGraph.keepingExperts(_:)`.
  func keepExperts(_ kept: [[Int]]) throws {
    try replaceGraph(
      graph.keepingExperts(kept),
      keepingRows: Dictionary(zip(graph.mixtures.map(\.mixture.router), kept)) { first, _ in first })
  }
}
