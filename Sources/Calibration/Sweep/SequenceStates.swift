import ByteIO
import DecodeKernels
import Encodings
import Execution
import PassKit
import TensorCore

/// The hidden states of many sequences at one place between two blocks: in memory as far as the budget goes, in a
/// nameless file beyond it.
///
/// They are kept in single precision in both places, so that where they lie changes nothing.
final class SequenceStates {
  /// Ids of each sequence.
  let sequences: [[Int]]
  private let budget: MemoryBudget
  private var places: [Place]

  /// Where the states of one sequence are.
  private enum Place {
    /// Before the first block there are only ids.
    case none
    case memory([Float])
    case disk(any ByteStorage)
  }

  init(_ sequences: [[Int]], budget: MemoryBudget) {
    self.sequences = sequences
    self.budget = budget
    places = sequences.map { _ in .none }
  }

  /// The same states once more, to go another way from here.
  init(copying other: SequenceStates) throws {
    sequences = other.sequences
    budget = other.budget
    places = sequences.map { _ in .none }
    for index in sequences.indices {
      switch other.places[index] {
      case .none: break
      case .memory(let states): try store(states, ofSequence: index)
      case .disk: places[index] = other.places[index]
      }
    }
  }

  deinit { for index in places.indices { forget(index) } }

  /// The states of one sequence, (tokens, width); empty before the first block.
  func states(ofSequence index: Int) -> [Float] {
    switch places[index] {
    case .none: return []
    case .memory(let states): return states
    case .disk(let storage):
      let states = storage.withBytes { DenseCodec.decode($0, as: .f32) }
      storage.release(0..<storage.byteCount)
      return states
    }
  }

  /// Moves all sequences through block `index` of `executor`'s graph, the one that follows.
  /// - Parameter isCancelled: asked before each sequence; the states are of no use after `PassError.cancelled`.
  func advance(through index: Int, of executor: Executor, isCancelled: () -> Bool) throws {
    for sequence in sequences.indices {
      if isCancelled() { throw PassError.cancelled }
      let states = try executor.states(
        afterBlock: index, ids: sequences[sequence], input: states(ofSequence: sequence))
      try store(states, ofSequence: sequence)
    }
  }

  private func store(_ states: [Float], ofSequence index: Int) throws {
    forget(index)
    let byteCount = Self.byteCount(of: states)
    if budget.claimStates(byteCount) {
      places[index] = .memory(states)
    } else {
      places[index] = .disk(try budget.spill(DenseCodec.encode(states.span, as: .f32)))
    }
  }

  private func forget(_ index: Int) {
    if case .memory(let states) = places[index] { budget.returnStates(Self.byteCount(of: states)) }
    places[index] = .none
  }

  private static func byteCount(of states: [Float]) -> Int { states.count * MemoryLayout<Float>.size }
}
