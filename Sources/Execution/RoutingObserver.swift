import ModelGraph

/// Sees, beside the inputs of linear maps, how mixtures route their tokens and what the experts make of them.
public protocol RoutingObserver: LinearObserver {
  /// Called when the router of `mixture` has been applied to a chunk of tokens.
  /// - Parameter probabilities: (tokens, expertCount), before any expert is chosen.
  func observe(_ mixture: Mixture, probabilities: Span<Float>)

  /// Called for every expert that tokens of that chunk were routed to, in ascending order.
  /// - Parameters:
  ///   - routed: its tokens, ascending.
  ///   - outputs: (routed.count, width), what it makes of them, not yet weighted.
  func observe(_ mixture: Mixture, expert: Int, routed: [RoutedToken], outputs: Span<Float>)
}

/// A token that an expert was chosen for.
public struct RoutedToken: Sendable, Equatable {
  /// Counted from the beginning of the chunk.
  public let token: Int
  /// The weight of the expert's output.
  public let gate: Float
}
