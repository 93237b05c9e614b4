import ModelGraph
import TensorCore

/// Computes logits, of a few tokens at a time so that those of a large vocabulary are never held for many.
///
/// A head ends the program and hands its rows out instead of leaving them in a buffer.
final class HeadStep {
  /// Most elements computed at once: 16 MiB.
  private static let sliceElementCount = 1 << 22

  private let name: String
  private let weight: any LinearOperator
  private let input: ActivationBuffer
  private let vocabularyCount: Int
  private var logits: [Float] = []

  init(_ head: Head, _ binder: inout Binder) throws {
    name = head.weight
    weight = try binder.linear(
      head.weight, outputCount: head.vocabularyCount, inputCount: binder.width(of: head.input))
    input = binder.buffer(of: head.input)
    vocabularyCount = head.vocabularyCount
  }

  /// Hands the logits of the chunk's tokens in `wanted` to `body`, in order, with the token's number in the chunk.
  func run(in frame: Frame, _ wanted: Range<Int>, _ body: (Int, Span<Float>) throws -> Void) throws {
    let sliceLength = max(1, Self.sliceElementCount / vocabularyCount)
    try input.read(frame.tokenCount) { x in
      for start in stride(from: wanted.lowerBound, to: wanted.upperBound, by: sliceLength) {
        let tokens = start..<min(wanted.upperBound, start + sliceLength)
        compute(x.extracting(tokens.lowerBound * input.width..<tokens.upperBound * input.width), tokens.count, frame)
        let logits = logits
        for (row, token) in tokens.enumerated() {
          try body(token, logits.span.extracting(row * vocabularyCount..<(row + 1) * vocabularyCount))
        }
      }
    }
  }

  /// Shows the input of all tokens of the chunk to the frame's observer.
  func showInput(in frame: Frame) {
    input.read(frame.tokenCount) { frame.observe(name, input: $0, tokenCount: frame.tokenCount) }
  }

  private func compute(_ x: Span<Float>, _ tokenCount: Int, _ frame: Frame) {
    let count = tokenCount * vocabularyCount
    if logits.count < count { logits = [Float](repeating: 0, count: count) }
    frame.observe(name, input: x, tokenCount: tokenCount)
    logits.lend(0..<count) { weight.apply(x, tokenCount: tokenCount, into: &$0) }
  }
}
