import ModelGraph
import TensorCore

extension Embed: ExecutableOperation {
  func bind(result: ValueID, _ binder: inout Binder) throws -> any Step {
    EmbedStep(
      table: try binder.linear(table, outputCount: binder.vocabularyCount, inputCount: width),
      output: binder.result(result))
  }
}

private struct EmbedStep: Step {
  let table: any LinearOperator
  let output: ActivationBuffer

  func run(in frame: Frame) {
    let width = output.width
    output.update(frame.tokenCount) { rows in
      for (token, id) in frame.ids.enumerated() {
        rows.lend(token * width..<(token + 1) * width) { table.decodeRow(id, into: &$0) }
      }
    }
  }
}
