import ModelGraph
import TensorCore

extension ParameterValue {
  /// The bytes of some rows of a dense value, one after the other.
  public func bytes(ofRows rows: [Int], of rowCount: Int) -> [UInt8] {
    precondition(encoding.isDense, "rows can be taken out of dense values only")
    return storage.withBytes { bytes in
      let rowByteCount = bytes.count / rowCount
      return rows.flatMap { row in (row * rowByteCount..<(row + 1) * rowByteCount).map { bytes[$0] } }
    }
  }
}

extension Model {
  /// The model whose mixtures choose among a part of their experts, the routers having rows for those; without task
  /// profiles. The routers must be dense.
  /// - Parameter kept: see ``ModelGraph/ModelGraph/keepingExperts(_:)``.
  public func keepingExperts(_ kept: [[Int]]) -> Model {
    var model = self
    model.graph = graph.keepingExperts(kept)
    model.profiles = []
    let names = Set(model.graph.parameters.map(\.name))
    model.values = values.filter { names.contains($0.key) }
    for (placed, rows) in zip(graph.mixtures, kept) where rows.count < placed.mixture.expertCount {
      guard let router = values[placed.mixture.router] else { continue }
      model.values[placed.mixture.router] = ParameterValue(
        encoding: router.encoding,
        storage: InMemoryBytes(router.bytes(ofRows: rows, of: placed.mixture.expertCount)), history: router.history,
        intent: router.intent)
    }
    return model
  }
}
