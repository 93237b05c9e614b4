import Diagnostics

/// What became of a limit on the memory of experts.
public struct ExpertStatistics: Sendable {
  /// Most bytes that the experts in memory may have, and those they had.
  public let limit: Int
  public let peakByteCount: Int
  /// What all experts would have.
  public let totalByteCount: Int
  /// Experts that were in memory from when the router chose them until they were used, and those that were not.
  public let hits: Int
  public let misses: Int
  /// Experts that had to be waited for, and the time that took.
  public let stalls: Int
  public let stallSeconds: Double
  /// Bytes read.
  public let loadedByteCount: Int
  /// Experts that were read on a guess, and those of them that the router chose before they had to go.
  public let prefetched: Int
  public let prefetchedUsed: Int

  /// The `experts` object of a result with `--json`.
  public var document: JSONText {
    .object([
      ("limit_bytes", .integer(Int64(limit))), ("peak_bytes", .integer(Int64(peakByteCount))),
      ("total_bytes", .integer(Int64(totalByteCount))), ("hits", .integer(Int64(hits))),
      ("misses", .integer(Int64(misses))), ("stalls", .integer(Int64(stalls))),
      ("stall_seconds", .number(stallSeconds)), ("loaded_bytes", .integer(Int64(loadedByteCount))),
      ("prefetched", .integer(Int64(prefetched))), ("prefetched_used", .integer(Int64(prefetchedUsed))),
    ])
  }

  /// One line for people.
  public var line: String {
    let uses = hits + misses
    let share = NumberText.fixed(100 * Double(hits) / Double(max(1, uses)), 1)
    return
      "experts: \(share)% of \(NumberText.count(uses)) uses in memory, \(NumberText.count(stalls)) waits of "
      + "\(NumberText.duration(stallSeconds)) together, \(NumberText.bytes(peakByteCount)) of "
      + "\(NumberText.bytes(totalByteCount)) at most"
  }
}
