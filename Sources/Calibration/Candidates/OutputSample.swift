import DecodeKernels
import Execution
import ModelIR
import PassKit
import TensorCore

/// Hidden states of a model at every block boundary, for a few windows: where candidates that differ from some block on
/// set out.
final class OutputSample {
  private static let windowCount = 4
  private static let windowTokenCount = 256

  private let reference: Model
  private let context: KernelContext
  private let isCancelled: () -> Bool
  /// States in front of each block.
  private let boundaries: [SequenceStates]

  init(
    of reference: Model, windows: [[Int]], context: KernelContext, budget: MemoryBudget,
    isCancelled: @escaping () -> Bool
  ) throws {
    self.reference = reference
    self.context = context
    self.isCancelled = isCancelled
    // Spread over the text.
    let count = min(Self.windowCount, windows.count)
    let sample = (0..<count).map { Array(windows[$0 * windows.count / count].prefix(Self.windowTokenCount)) }
    var boundaries = [SequenceStates(sample, budget: budget)]
    for index in reference.graph.blocks.indices.dropLast() {
      let states = try SequenceStates(copying: boundaries[index])
      try states.advance(
        through: index, of: reference.executor(forBlock: index, context: context), isCancelled: isCancelled)
      reference.releaseBlock(index)
      boundaries.append(states)
    }
    self.boundaries = boundaries
  }

  /// Positions of a sample of windows of `length` tokens, of which there are `count`.
  static func positionCount(windowCount count: Int, length: Int) -> Int {
    min(windowCount, count) * min(windowTokenCount, length)
  }

  /// Whether `model` has the graph and the values that the states were computed with.
  func isOf(_ model: Model) -> Bool {
    model.graph == reference.graph
      && model.graph.parameters.allSatisfy { parameter in
        guard let a = model.values[parameter.name], let b = reference.values[parameter.name] else { return false }
        return a.encoding == b.encoding && isSame(a.storage, b.storage)
      }
  }

  /// The change of the output in Fisher coordinates.
  func change(to candidate: Model, firstChangedBlock block: Int) throws -> [Float] {
    precondition(block >= 0 && block < candidate.graph.blocks.count && block < boundaries.count)
    let states = try SequenceStates(copying: boundaries[block])
    for index in block..<candidate.graph.blocks.count - 1 {
      try states.advance(
        through: index, of: candidate.executor(forBlock: index, context: context), isCancelled: isCancelled)
      candidate.releaseBlock(index)
    }
    let heads = try PairedHeads(reference: reference, candidate: candidate, context: context)
    defer { heads.release() }
    let positionCount = states.sequences.reduce(0) { $0 + $1.count }
    let scale = Float(1 / Double(positionCount).squareRoot())
    var change: [Float] = []
    change.reserveCapacity(positionCount * FisherCoordinates.count)
    for sequence in states.sequences.indices {
      if isCancelled() { throw PassError.cancelled }
      let rows = try heads.compare(
        boundaries[boundaries.count - 1].states(ofSequence: sequence), states.states(ofSequence: sequence),
        tokenCount: states.sequences[sequence].count
      ) { position, expected, actual in
        FisherCoordinates.change(from: expected, to: actual, position: position, scale: scale)
      }
      for row in rows { change += row }
    }
    return change
  }
}

/// Whether two storages are the same bytes, by identity where that can be told and by content where it is cheap.
private func isSame(_ a: any ByteStorage, _ b: any ByteStorage) -> Bool {
  switch (a, b) {
  case (let a as InMemoryBytes, let b as InMemoryBytes): a.bytes == b.bytes
  case (let a as ByteSlice, let b as ByteSlice): a.range == b.range && isSame(a.base, b.base)
  default: type(of: a) is AnyClass && type(of: b) is AnyClass && (a as AnyObject) === (b as AnyObject)
  }
}
