import ModelGraph

extension Rope: ExecutableOperation {
  func bind(result: ValueID, _ binder: inout Binder) throws -> any Step {
    RopeStep(
      table: binder.ropeTable(for: self), input: binder.buffer(of: input),
      output: binder.result(result, overwriting: [input]))
  }
}

private struct RopeStep: Step {
  let table: RopeTable
  let input: ActivationBuffer
  let output: ActivationBuffer

  func run(in frame: Frame) {
    if output !== input { output.copy(frame.tokenCount, from: input) }
    let (width, position) = (output.width, frame.position)
    table.withAngles(position..<position + frame.tokenCount) { angles in
      output.update(frame.tokenCount) { rows in
        frame.forEachPiece(of: &rows, width: width) { first, piece in
          for row in 0..<piece.count / width {
            piece.lend(row * width..<(row + 1) * width) { angles.turn(&$0, token: first / width + row) }
          }
        }
      }
    }
  }
}
