import DecodeKernels
import ModelGraph

extension Activation: ExecutableOperation {
  func bind(result: ValueID, _ binder: inout Binder) throws -> any Step {
    let function = function
    return MapStep(input: binder.buffer(of: input), output: binder.result(result, overwriting: [input])) {
      $0.apply(function, to: &$1)
    }
  }
}

extension Clamp: ExecutableOperation {
  func bind(result: ValueID, _ binder: inout Binder) throws -> any Step {
    let limit = limit
    return MapStep(input: binder.buffer(of: input), output: binder.result(result, overwriting: [input])) {
      _, elements in
      for index in 0..<elements.count { elements[index] = max(-limit, min(limit, elements[index])) }
    }
  }
}

extension Scale: ExecutableOperation {
  func bind(result: ValueID, _ binder: inout Binder) throws -> any Step {
    let factor = factor
    return MapStep(input: binder.buffer(of: input), output: binder.result(result, overwriting: [input])) {
      $0.scale(&$1, by: factor)
    }
  }
}

extension Add: ExecutableOperation {
  func bind(result: ValueID, _ binder: inout Binder) throws -> any Step {
    CombineStep(left, right, result, &binder) { $0.add($1, into: &$2) }
  }
}

extension Multiply: ExecutableOperation {
  func bind(result: ValueID, _ binder: inout Binder) throws -> any Step {
    CombineStep(left, right, result, &binder) { $0.multiply($1, into: &$2) }
  }
}

extension VectorKernels {
  /// elements = function(elements).
  func apply(_ function: ActivationFunction, to elements: inout MutableSpan<Float>) {
    switch function {
    case .silu: silu(&elements)
    case .gelu: geluErf(&elements)
    case .geluTanh: geluTanh(&elements)
    case .relu: relu(&elements)
    }
  }
}

/// Changes every element of a value by itself.
private struct MapStep: Step {
  let input: ActivationBuffer
  let output: ActivationBuffer
  let change: @Sendable (VectorKernels, inout MutableSpan<Float>) -> Void

  func run(in frame: Frame) {
    if output !== input { output.copy(frame.tokenCount, from: input) }
    let (vectors, change) = (frame.vectors, change)
    output.update(frame.tokenCount) { rows in
      frame.forEachPiece(of: &rows, width: output.width) { _, piece in change(vectors, &piece) }
    }
  }
}

/// Combines the elements of two values pairwise, by an operation that commutes.
private struct CombineStep: Step {
  /// Changed in place when it is the output.
  let first: ActivationBuffer
  let second: ActivationBuffer
  let output: ActivationBuffer
  let combine: @Sendable (VectorKernels, Span<Float>, inout MutableSpan<Float>) -> Void

  init(
    _ left: ValueID, _ right: ValueID, _ result: ValueID, _ binder: inout Binder,
    _ combine: @escaping @Sendable (VectorKernels, Span<Float>, inout MutableSpan<Float>) -> Void
  ) {
    output = binder.result(result, overwriting: left == right ? [] : [left, right])
    let (left, right) = (binder.buffer(of: left), binder.buffer(of: right))
    first = output === right ? right : left
    second = output === right ? left : right
    self.combine = combine
  }

  func run(in frame: Frame) {
    if output !== first { output.copy(frame.tokenCount, from: first) }
    let (vectors, combine, width) = (frame.vectors, combine, output.width)
    second.read(frame.tokenCount) { second in
      output.update(frame.tokenCount) { rows in
        frame.forEachPiece(of: &rows, width: width) { start, piece in
          combine(vectors, second.extracting(start..<start + piece.count), &piece)
        }
      }
    }
  }
}
