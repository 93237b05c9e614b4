/// How far a run has come; sent after every few million weights and at the end of every block.
public struct PassProgress: Sendable {
  /// Counts from 1.
  public let stepNumber: Int
  public let stepCount: Int
  /// The name of the pass.
  public let pass: String
  /// Counts from 1; the last block for a pass that sees the whole model.
  public let blockNumber: Int
  public let blockCount: Int
  /// The name of the block, nil for a pass that sees the whole model.
  public let block: String?
  /// Bytes of values rewritten so far, counted as they were before, of all that the list rewrites.
  public let doneByteCount: Int
  public let totalByteCount: Int
  public let elapsed: Duration
}
