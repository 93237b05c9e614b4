import PackRuntime
import TensorCore

/// What the check at the end of a compile runs on.
enum SmokeText {
  private static let tokenCount = 64

  /// Plain prose, so that it looks like text to any model.
  private static let passage = """
    The old house stood at the end of the lane, where the road gives up and becomes a path across the fields. Nobody \
    had lived there since the winter of the great snow, and the children of the village said that on quiet evenings \
    one could still hear the clock in the hall. One morning in early spring a stranger came up the lane with a small \
    brown bag in his hand, stopped before the gate, and read the name on it twice.
    """

  /// The passage in the pack's tokens, or seeded random ids for a pack without a tokenizer.
  static func ids(for pack: PackedModel) -> [Int] {
    let limit = min(tokenCount, pack.graph.contextLength)
    if let tokenizer = pack.tokenizer {
      let ids = tokenizer.encode(passage, addSpecial: true).prefix(limit)
      if !ids.isEmpty { return Array(ids) }
    }
    var generator = SplitMix64(seed: 1)
    return (0..<limit).map { _ in Int.random(in: 0..<pack.graph.vocabularyCount, using: &generator) }
  }
}
