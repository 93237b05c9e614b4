import ModelGraph
import TensorCore

extension Linear: ExecutableOperation {
  func bind(result: ValueID, _ binder: inout Binder) throws -> any Step {
    LinearStep(
      name: weight,
      weight: try binder.linear(weight, outputCount: outputCount, inputCount: binder.width(of: input)),
      bias: try bias.map { try binder.vector($0, count: outputCount) },
      input: binder.buffer(of: input), output: binder.result(result))
  }
}

private struct LinearStep: Step {
  let name: String
  let weight: any LinearOperator
  let bias: [Float]?
  let input: ActivationBuffer
  let output: ActivationBuffer

  func run(in frame: Frame) {
    let vectors = frame.vectors
    input.read(frame.tokenCount) { x in
      frame.observe(name, input: x, tokenCount: frame.tokenCount)
      output.update(frame.tokenCount) { y in
        guard frame.needsResult(of: name) else { return }
        weight.apply(x, tokenCount: frame.tokenCount, into: &y)
        guard let bias else { return }
        for token in 0..<frame.tokenCount {
          y.lend(token * bias.count..<(token + 1) * bias.count) { vectors.add(bias.span, into: &$0) }
        }
      }
    }
  }
}
