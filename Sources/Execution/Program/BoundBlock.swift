/// One block of a program, bound.
struct BoundBlock {
  let name: String
  /// What runs once, on the whole source, before anything else.
  let sourceSteps: [any Step]
  /// What runs on each chunk of the sequence that the logits belong to.
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

  func runSource(in frame: Frame) throws {
    for step in sourceSteps { try step.run(in: frame) }
  }
}
