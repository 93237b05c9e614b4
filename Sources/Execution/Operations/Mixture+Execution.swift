import DecodeKernels
import Glibc
import ModelGraph
import TensorCore

extension Mixture: ExecutableOperation {
  func bind(result: ValueID, _ binder: inout Binder) throws -> any Step {
    let width = binder.width(of: input)
    return MixtureStep(
      mixture: self, width: width,
      router: try binder.linear(router, outputCount: expertCount, inputCount: width),
      experts: try binder.experts(of: self),
      shared: try shared.map { try SharedExpertStep($0, function: function, width: width, &binder) },
      input: binder.buffer(of: input), probabilities: binder.temporary(width: expertCount),
      gathered: binder.temporary(width: width), gate: binder.temporary(width: expertWidth),
      up: binder.temporary(width: expertWidth), down: binder.temporary(width: width), output: binder.result(result))
  }
}

private struct MixtureStep: Step {
  let mixture: Mixture
  let width: Int
  let router: any LinearOperator
  let experts: any ExpertOperators
  let shared: SharedExpertStep?
  let input: ActivationBuffer
  let probabilities: ActivationBuffer
  /// The rows of one expert's tokens, and what the expert makes of them.
  let gathered: ActivationBuffer
  let gate: ActivationBuffer
  let up: ActivationBuffer
  let down: ActivationBuffer
  let output: ActivationBuffer

  func run(in frame: Frame) throws {
    try input.read(frame.tokenCount) { x in
      route(x, frame)
      output.update(frame.tokenCount) { $0.update(repeating: 0) }
      let used = (0..<mixture.expertCount).filter { frame.routing.tokenCount(of: $0) > 0 }
      experts.willUse(used)
      for expert in used {
        try experts.withExpert(expert) { try apply($0, expert, x, frame) }
      }
      shared?.run(x, frame, into: output)
    }
  }

  /// Fills the frame's routing for the tokens of `x`.
  private func route(_ x: Span<Float>, _ frame: Frame) {
    let (count, vectors) = (mixture.expertCount, frame.vectors)
    frame.observe(mixture.router, input: x, tokenCount: frame.tokenCount)
    probabilities.update(frame.tokenCount) { rows in
      router.apply(x, tokenCount: frame.tokenCount, into: &rows)
      for token in 0..<frame.tokenCount {
        rows.lend(token * count..<(token + 1) * count) { vectors.softmax(&$0) }
      }
    }
    probabilities.read(frame.tokenCount) {
      frame.routingObserver?.observe(mixture, probabilities: $0)
      frame.routing.choose(
        $0, expertCount: count, activeCount: mixture.activeCount, normalizes: mixture.normalizesGates,
        skipRatio: skipRatio(x, frame))
    }
  }

  /// The share of its largest probability below which a token does without an expert; nil where none is left out.
  private func skipRatio(_ x: Span<Float>, _ frame: Frame) -> ((Int) -> Float)? {
    guard frame.skipsExperts, let skipping = mixture.skipping else { return nil }
    guard let norm = skipping.protectedNorm else { return { _ in skipping.ratio } }
    let norms = frame.vectors.norms(ofRows: x, width: width)
    return { norms[$0] >= norm ? 0 : skipping.ratio }
  }

  /// Adds the weighted output of one expert to its tokens' rows.
  private func apply(_ weights: GatedOperators, _ expert: Int, _ x: Span<Float>, _ frame: Frame) throws {
    try requireShapes(of: weights, expert)
    let (tokenCount, routing, vectors) = (frame.routing.tokenCount(of: expert), frame.routing, frame.vectors)
    gathered.update(tokenCount) { rows in
      for index in 0..<tokenCount {
        let token = routing.choice(index, of: expert).token
        rows.lend(index * width..<(index + 1) * width) {
          $0.copy(from: x.extracting(token * width..<(token + 1) * width))
        }
      }
    }
    gathered.read(tokenCount) { x in
      for name in mixture.inputMatrices(expert) { frame.observe(name, input: x, tokenCount: tokenCount) }
      let layer = GatedLayer(weights: weights, function: mixture.function, gate: gate, up: up, down: down)
      layer.apply(x, tokenCount, frame, downName: mixture.down(expert))
    }
    down.read(tokenCount) { results in
      frame.routingObserver?.observe(mixture, expert: expert, routed: routing.routed(to: expert), outputs: results)
      output.update(frame.tokenCount) { rows in
        for index in 0..<tokenCount {
          let (token, gate) = routing.choice(index, of: expert)
          rows.lend(token * width..<(token + 1) * width) {
            vectors.addScaled(results.extracting(index * width..<(index + 1) * width), by: gate, into: &$0)
          }
        }
      }
    }
  }

  private func requireShapes(of weights: GatedOperators, _ expert: Int) throws(ExecutionError) {
    try weights.gate?.requireShape(mixture.gate(expert), outputCount: mixture.expertWidth, inputCount: width)
    try weights.up.requireShape(mixture.up(expert), outputCount: mixture.expertWidth, inputCount: width)
    try weights.down.requireShape(mixture.down(expert), outputCount: width, inputCount: mixture.expertWidth)
  }
}

/// The expert that every token visits.
private struct SharedExpertStep {
  let names: SharedExpert
  let layer: GatedLayer
  let router: (any LinearOperator)?
  let scores: ActivationBuffer

  init(_ shared: SharedExpert, function: ActivationFunction, width: Int, _ binder: inout Binder) throws {
    names = shared
    layer = GatedLayer(
      weights: GatedOperators(
        gate: try binder.linear(shared.gate, outputCount: shared.width, inputCount: width),
        up: try binder.linear(shared.up, outputCount: shared.width, inputCount: width),
        down: try binder.linear(shared.down, outputCount: width, inputCount: shared.width)),
      function: function, gate: binder.temporary(width: shared.width), up: binder.temporary(width: shared.width),
      down: binder.temporary(width: width))
    router = try shared.router.map { try binder.linear($0, outputCount: 1, inputCount: width) }
    scores = binder.temporary(width: 1)
  }

  /// Adds the expert's output, scaled by its router, to `output`.
  func run(_ x: Span<Float>, _ frame: Frame, into output: ActivationBuffer) {
    let (tokenCount, width, vectors) = (frame.tokenCount, output.width, frame.vectors)
    frame.observe(names.gate, input: x, tokenCount: tokenCount)
    frame.observe(names.up, input: x, tokenCount: tokenCount)
    layer.apply(x, tokenCount, frame, downName: names.down)
    scores.update(tokenCount) { scores in
      guard let router else { return scores.update(repeating: 1) }
      frame.observe(names.router ?? names.name, input: x, tokenCount: tokenCount)
      router.apply(x, tokenCount: tokenCount, into: &scores)
      for token in 0..<tokenCount { scores[token] = 1 / (1 + expf(-scores[token])) }
    }
    scores.read(tokenCount) { scores in
      layer.down.read(tokenCount) { results in
        output.update(tokenCount) { rows in
          for token in 0..<tokenCount {
            let row = token * width..<(token + 1) * width
            rows.lend(row) { vectors.addScaled(results.extracting(row), by: scores[token], into: &$0) }
          }
        }
      }
    }
  }
}

/// down · (f(gate · x) ⊙ (up · x)), or down · f(up · x) without a gate, computed in the buffers `gate`, `up` and `down`.
private struct GatedLayer {
  let weights: GatedOperators
  let function: ActivationFunction
  let gate: ActivationBuffer
  let up: ActivationBuffer
  let down: ActivationBuffer

  func apply(_ x: Span<Float>, _ tokenCount: Int, _ frame: Frame, downName: @autoclosure () -> String) {
    let (function, vectors, width) = (function, frame.vectors, up.width)
    up.update(tokenCount) { rows in
      weights.up.apply(x, tokenCount: tokenCount, into: &rows)
      guard weights.gate == nil else { return }
      frame.forEachPiece(of: &rows, width: width) { vectors.apply(function, to: &$1) }
    }
    if let matrix = weights.gate { multiplyGate(matrix, x, tokenCount, frame) }
    up.read(tokenCount) { x in
      frame.observe(downName(), input: x, tokenCount: tokenCount)
      down.update(tokenCount) {
        guard frame.needsResult(of: downName()) else { return }
        weights.down.apply(x, tokenCount: tokenCount, into: &$0)
      }
    }
  }

  /// up *= f(matrix · x).
  private func multiplyGate(_ matrix: any LinearOperator, _ x: Span<Float>, _ tokenCount: Int, _ frame: Frame) {
    let (function, vectors, width) = (function, frame.vectors, gate.width)
    gate.update(tokenCount) { gates in
      matrix.apply(x, tokenCount: tokenCount, into: &gates)
      guard function != .silu else { return }
      frame.forEachPiece(of: &gates, width: width) { vectors.apply(function, to: &$1) }
    }
    gate.read(tokenCount) { gates in
      up.update(tokenCount) { rows in
        frame.forEachPiece(of: &rows, width: width) { start, piece in
          let gates = gates.extracting(start..<start + piece.count)
          if function == .silu {
            vectors.siluMultiply(gate: gates, into: &piece)
          } else {
            vectors.multiply(gates, into: &piece)
          }
        }
      }
    }
  }
}
