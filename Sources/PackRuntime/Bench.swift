import Execution
import Metrics
import TensorCore

/// Speeds of a pack on this machine; medians over the repetitions.
public struct BenchFigures: Sendable {
  public let promptTokensPerSecond: Double
  public let generateTokensPerSecond: Double
}

extension PackedModel {
  /// Measures a prompt of `promptTokenCount` tokens into an empty context, or as the source of an encoder–decoder,
  /// and `generateTokenCount` tokens one at a time from an empty context, after one unmeasured round of each. The tokens
  /// are random: speed does not depend on them, except through the experts they visit.
  /// - Throws: `ExecutionError` when the context is too short for either.
  public func bench(promptTokenCount: Int, generateTokenCount: Int, repetitionCount: Int) throws -> BenchFigures {
    var generator = SplitMix64(seed: 1)
    let ids = (0..<max(promptTokenCount, generateTokenCount)).map { _ in
      Int.random(in: 0..<graph.vocabularyCount, using: &generator)
    }
    let cache = try executor.makeCache()
    let prompt = Array(ids[..<promptTokenCount])
    let promptSeconds = try median(of: repetitionCount, cache) {
      if executor.readsSource {
        try executor.encode(prompt, into: cache)
      } else {
        try executor.forward(prompt, cache: cache, logits: .last)
      }
    }
    let generateSeconds = try median(of: repetitionCount, cache) {
      for id in ids[..<generateTokenCount] { try executor.forward([id], cache: cache, logits: .last) }
    }
    return BenchFigures(
      promptTokensPerSecond: Double(promptTokenCount) / promptSeconds,
      generateTokensPerSecond: Double(generateTokenCount) / generateSeconds)
  }

  /// The median seconds of `count` runs of `body`, each on an empty cache, after one that does not count.
  private func median(of count: Int, _ cache: KeyValueCache, _ body: () throws -> Void) throws -> Double {
    var seconds: [Double] = []
    for round in 0...count {
      cache.reset()
      let start = ContinuousClock.now
      try body()
      if round > 0 { seconds.append((ContinuousClock.now - start) / .seconds(1)) }
    }
    return Percentiles(of: seconds).value(at: 0.5)
  }
}
