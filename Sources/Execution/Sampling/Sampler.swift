import Glibc
import TensorCore

/// Chooses tokens from logits, the same ones for the same seed.
///
/// In this order: repetition penalty, temperature, top-k, min-p, top-p; each sees what the one before left, and
/// probabilities are those among the tokens left. Between equal logits the lower id counts as the more likely.
public struct Sampler {
  private let options: SamplerOptions
  private var generator: SplitMix64
  /// Ids already present, each once.
  private var present: Set<Int> = []
  private var scores: [Float] = []

  public init(_ options: SamplerOptions) {
    self.options = options
    generator = SplitMix64(seed: options.seed)
  }

  /// Counts `ids` as present for the repetition penalty.
  public mutating func accept(_ ids: some Sequence<Int>) {
    if options.repetitionPenalty != 1 { present.formUnion(ids) }
  }

  /// The next token, which is not yet counted as present.
  /// - Parameter logits: one for each id of the vocabulary.
  /// - Throws: `ExecutionError.unusableLogits` when one is NaN or +∞, or all are −∞.
  public mutating func next(_ logits: Span<Float>) throws(ExecutionError) -> Int {
    let candidates = try candidates(logits)
    guard candidates.count > 1 else { return candidates[0].id }
    let total = candidates.reduce(0) { $0 + $1.weight }
    var remaining = Double(generator.next() >> 11) * 0x1p-53 * total
    for candidate in candidates {
      remaining -= candidate.weight
      if remaining < 0 { return candidate.id }
    }
    return candidates[candidates.count - 1].id
  }

  /// The tokens to choose among, at least one; their weights are proportional to their probabilities.
  mutating func candidates(_ logits: Span<Float>) throws(ExecutionError) -> [Candidate] {
    try penalize(logits)
    let best = try mostLikely()
    guard options.temperature > 0 else { return [Candidate(id: best, weight: 1)] }
    let highest = Double(scores[best])
    let temperature = Double(options.temperature)
    let scores = scores
    var candidates = topK(
      scores.lazy.enumerated().map { id, score in
        Candidate(id: id, weight: exp((Double(score) - highest) / temperature))
      })
    if options.minP > 0 { candidates.removeAll { $0.weight < Double(options.minP) } }
    return topP(candidates)
  }

  /// Copies `logits` into `scores`, those of present tokens penalized.
  private mutating func penalize(_ logits: Span<Float>) throws(ExecutionError) {
    if scores.count != logits.count { scores = [Float](repeating: 0, count: logits.count) }
    for id in logits.indices {
      guard logits[id] < .infinity else { throw .unusableLogits(id: id) }
      scores[id] = logits[id]
    }
    for id in present where scores.indices.contains(id) {
      scores[id] = scores[id] > 0 ? scores[id] / options.repetitionPenalty : scores[id] * options.repetitionPenalty
      guard scores[id] < .infinity else { throw .unusableLogits(id: id) }
    }
  }

  private func mostLikely() throws(ExecutionError) -> Int {
    var best = (id: 0, score: -Float.infinity)
    for (id, score) in scores.enumerated() where score > best.score { best = (id, score) }
    guard best.score > -.infinity else { throw .unusableLogits(id: nil) }
    return best.id
  }

  /// The `topK` most likely of `all`; those of probability zero are left out.
  private func topK(_ all: some Sequence<Candidate>) -> [Candidate] {
    let limit = options.topK
    var kept: [Candidate] = []
    for candidate in all where candidate.weight > 0 {
      kept.append(candidate)
      // Cutting back only at twice the limit makes the cost of a token independent of the limit but for a logarithm.
      if limit > 0, kept.count >= 2 * limit, kept.count > limit {
        kept.sort()
        kept.removeSubrange(limit...)
      }
    }
    guard limit > 0, kept.count > limit else { return kept }
    kept.sort()
    return Array(kept[..<limit])
  }

  /// The fewest most likely of `candidates` that have the share `topP` of their weight.
  private func topP(_ candidates: [Candidate]) -> [Candidate] {
    guard options.topP < 1 else { return candidates }
    let total = candidates.reduce(0) { $0 + $1.weight }
    let wanted = Double(options.topP) * total
    // Candidates below this weight have less than the share 1 − topP together, so none of them is needed.
    let floor = (total - wanted) / Double(candidates.count)
    let sorted = candidates.filter { $0.weight >= floor }.sorted()
    var sum = 0.0
    for (index, candidate) in sorted.enumerated() {
      sum += candidate.weight
      if sum >= wanted { return Array(sorted[...index]) }
    }
    return sorted
  }
}

/// A token that may be chosen; the more likely comes first.
struct Candidate: Comparable {
  let id: Int
  let weight: Double

  static func < (a: Candidate, b: Candidate) -> Bool {
    a.weight > b.weight || a.weight == b.weight && a.id < b.id
  }
}
