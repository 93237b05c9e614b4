import ModelGraph
import ModelIR
import PassKit

/// What calibrating a model takes, worked out from shapes: every figure is that of the most demanding block.
public struct MemoryDemand: Sendable, Equatable {
  /// The values of a block, resident while it runs.
  public let blockByteCount: Int
  /// Activations of one chunk of tokens, keys and values of one sequence, and a slice of logits.
  public let activationByteCount: Int
  /// Hidden states of one sequence, before and after a block.
  public let sequenceByteCount: Int
  /// The statistics of one tap.
  public let largestStatisticByteCount: Int
  /// The statistics of all taps of a block together.
  public let blockStatisticsByteCount: Int
  /// What the most demanding pass works in, and the changes of the output that it compares.
  public let passByteCount: Int
  /// What judging candidates takes beside running blocks: a head of the original and one of the candidate.
  public let evaluationByteCount: Int
  /// Hidden states of all sequences at one place, and of a few held-out windows at all, which may go to disk.
  public let statesByteCount: Int

  /// The least that calibration can do with.
  public var minimumByteCount: Int {
    blockByteCount + activationByteCount + sequenceByteCount + largestStatisticByteCount + passByteCount
      + evaluationByteCount
  }

  /// What it takes to keep everything in memory and run each block once for its statistics.
  public var comfortableByteCount: Int {
    minimumByteCount + blockStatisticsByteCount - largestStatisticByteCount + statesByteCount
  }

  /// - Parameters:
  ///   - sequenceCount: sequences that statistics are taken from.
  ///   - heldOutCount: windows that candidates are judged on, 0 where none are.
  ///   - length: tokens in a sequence.
  ///   - need: the most that any pass of the list asks for.
  ///   - work: what will do for any pass of the list.
  /// - Throws: `GraphError` when the graph does not verify.
  public init(
    of model: Model, sequenceCount: Int, heldOutCount: Int = 0, length: Int, need: CalibrationNeed, work: WorkDemand
  ) throws {
    let graph = model.graph
    let types = try graph.types()
    func width(of value: ValueID) -> Int {
      guard case .activation(_, let width)? = types[value] else { return 0 }
      return width
    }
    let floatByteCount = MemoryLayout<Float>.size
    let chunkTokenCount = min(length, 256)
    var block = 0, activation = 0, hidden = 0, largest = 0, together = 0
    for (index, statements) in graph.blocks.map(\.statements).enumerated() {
      block = max(block, model.byteCount(ofBlock: index))
      var elementCount = 0
      for statement in statements {
        switch statement.operation {
        case is Head: elementCount += Self.logitElementCount
        case let attention as Attention:
          elementCount += chunkTokenCount * width(of: statement.result)
          elementCount += 2 * length * attention.keyValueHeadCount * attention.headWidth
        case let mixture as Mixture:
          let inner = max(mixture.expertWidth, mixture.shared?.width ?? 0)
          elementCount += chunkTokenCount * (mixture.expertCount + 2 * inner + 3 * width(of: statement.result))
        default: elementCount += chunkTokenCount * width(of: statement.result)
        }
      }
      activation = max(activation, elementCount * floatByteCount)
      if index < graph.blocks.count - 1, let last = statements.last { hidden = max(hidden, width(of: last.result)) }
      let widths = try InputTap.taps(ofBlock: index, in: graph).map(\.width)
      let statistics = widths.map { InputSum.byteCount(width: $0, need: need) }
      largest = max(largest, statistics.max() ?? 0)
      together = max(together, statistics.reduce(0, +))
    }
    blockByteCount = block
    activationByteCount = activation
    sequenceByteCount = 2 * length * hidden * floatByteCount
    largestStatisticByteCount = largest
    blockStatisticsByteCount = together
    let sampleCount = OutputSample.positionCount(windowCount: heldOutCount, length: length)
    let changeByteCount = sampleCount * FisherCoordinates.count * floatByteCount
    passByteCount =
      work.memoryByteCount + work.tokenByteCount * sequenceCount * length + work.outputChangeCount * changeByteCount
    // The coordinates of a change are gathered row by row before they are joined.
    evaluationByteCount =
      heldOutCount == 0 ? 0 : 2 * model.byteCount(ofBlock: graph.blocks.count - 1) + 2 * changeByteCount
    // The original and a candidate go through the windows side by side; the sample stays at every block.
    let stateCount = (sequenceCount + 2 * heldOutCount) * length + sampleCount * graph.blocks.count
    statesByteCount = stateCount * hidden * floatByteCount
  }

  /// Logits of a slice, of two models that are compared.
  private static let logitElementCount = 2 << 22
}
