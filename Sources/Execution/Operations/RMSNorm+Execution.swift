import ModelGraph

extension RMSNorm: ExecutableOperation {
  func bind(result: ValueID, _ binder: inout Binder) throws -> any Step {
    RMSNormStep(
      weight: try binder.vector(weight, count: span), epsilon: epsilon,
      input: binder.buffer(of: input), output: binder.result(result, overwriting: [input]))
  }
}

private struct RMSNormStep: Step {
  let weight: [Float]
  let epsilon: Float
  let input: ActivationBuffer
  let output: ActivationBuffer

  func run(in frame: Frame) {
    if output !== input { output.copy(frame.tokenCount, from: input) }
    let (vectors, weight, epsilon) = (frame.vectors, weight, epsilon)
    output.update(frame.tokenCount) { rows in
      frame.forEachPiece(of: &rows, width: output.width) { _, piece in
        for start in stride(from: 0, to: piece.count, by: weight.count) {
          piece.lend(start..<start + weight.count) { vectors.rmsNorm(&$0, weight: weight.span, epsilon: epsilon) }
        }
      }
    }
  }
}
