/// One block of a program, bound.
struct BoundBlock {
  let name: String
  let steps: [any Step]
  /// Whether it reads the token ids.
  let readsIDs: Bool
  /// Activations it reads from blocks before it.
  let inputs: [ActivationBuffer]
  /// Activations it leaves for blocks after it.
  let outputs: [ActivationBuffer]

  func run(in frame: Frame) throws {
    for step in steps { try step.run(in: frame) }
  }
}
