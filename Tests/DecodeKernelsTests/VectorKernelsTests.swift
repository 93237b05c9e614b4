import DecodeKernels
import Foundation
import TensorCore
import Testing

@Suite struct VectorKernelsTests {
  private static let counts = [1, 2, 3, 7, 8, 15, 16, 17, 33, 64, 65, 257, 2_049]

  private func floats(_ count: Int, seed: UInt64, from low: Float = -1, to high: Float = 1) -> [Float] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in low + (high - low) * random.nextUnitFloat() }
  }

  private func changed(_ x: [Float], _ body: (inout MutableSpan<Float>) -> Void) -> [Float] {
    var x = x
    var span = x.mutableSpan
    body(&span)
    return x
  }

  /// Largest |result − expected| in units of `tolerance · (1 + |expected|)` must not exceed 1.
  private func expectClose(
    _ results: [Float], _ expected: [Double], _ tolerance: Double, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(results.count == expected.count, sourceLocation: sourceLocation)
    for (result, expected) in zip(results, expected) {
      if abs(Double(result) - expected) <= tolerance * (1 + abs(expected)) { continue }
      Issue.record("\(result) instead of \(expected)", sourceLocation: sourceLocation)
      return
    }
  }

  @Test(arguments: InstructionSet.supported, counts)
  func sumsAndProducts(isa: InstructionSet, count: Int) {
    let kernels = VectorKernels(isa)
    let x = floats(count, seed: 1), y = floats(count, seed: 2)
    let xs = x.map(Double.init), ys = y.map(Double.init)
    let terms = zip(xs, ys).map(*)
    let magnitude = terms.reduce(0) { $0 + abs($1) }
    #expect(abs(Double(kernels.dot(x.span, y.span)) - terms.reduce(0, +)) <= 1e-6 * magnitude)
    let added = zip(xs, ys).map { $1 + Double(Float(0.37)) * $0 }
    expectClose(changed(y) { kernels.addScaled(x.span, by: 0.37, into: &$0) }, added, 1e-7)
    expectClose(changed(y) { kernels.add(x.span, into: &$0) }, zip(xs, ys).map(+), 1e-7)
    expectClose(changed(y) { kernels.multiply(x.span, into: &$0) }, terms, 1e-7)
    expectClose(changed(y) { kernels.scale(&$0, by: -1.5) }, ys.map { $0 * -1.5 }, 1e-7)
  }

  @Test(arguments: InstructionSet.supported, counts)
  func activations(isa: InstructionSet, count: Int) {
    let kernels = VectorKernels(isa)
    let x = floats(count, seed: 3, from: -12, to: 12), up = floats(count, seed: 4)
    let xs = x.map(Double.init)
    let silu = xs.map { $0 / (1 + exp(-$0)) }
    expectClose(changed(x) { kernels.relu(&$0) }, xs.map { max($0, 0) }, 0)
    expectClose(changed(x) { kernels.silu(&$0) }, silu, 5e-7)
    let gated = zip(silu, up).map { $0 * Double($1) }
    expectClose(changed(up) { kernels.siluMultiply(gate: x.span, into: &$0) }, gated, 5e-7)
    expectClose(changed(x) { kernels.geluErf(&$0) }, xs.map { 0.5 * $0 * erfc(-$0 / 2.0.squareRoot()) }, 1e-6)
    let tanhForm = xs.map { 0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }
    expectClose(changed(x) { kernels.geluTanh(&$0) }, tanhForm, 1e-6)
  }

  @Test(arguments: InstructionSet.supported)
  func activationsOfExtremesAreTheirLimits(isa: InstructionSet) {
    let kernels = VectorKernels(isa)
    let x: [Float] = [-1e30, -1_000, -100, -88, 0, 88, 89, 100, 1_000, 1e30]
    let limits = x.map { Double(max($0, 0)) }
    expectClose(changed(x) { kernels.silu(&$0) }, limits, 1e-6)
    expectClose(changed(x) { kernels.geluErf(&$0) }, limits, 1e-6)
    expectClose(Array(changed(x) { kernels.geluTanh(&$0) }[1...8]), Array(limits[1...8]), 1e-6)
    let lost = changed([.nan, 1, .nan]) { kernels.silu(&$0) }
    #expect(lost[0].isNaN && !lost[1].isNaN && lost[2].isNaN)
  }

  /// e^x through silu: relative error over its whole range, as x / silu(x) − 1 = e^−x.
  @Test(arguments: InstructionSet.supported)
  func theExponentialIsAccurate(isa: InstructionSet) {
    let kernels = VectorKernels(isa)
    for step in stride(from: -87.0, through: 0, by: 0.0137) {
      let weights = changed([0, Float(step)]) { kernels.softmax(&$0) }
      let e = exp(Double(Float(step)))
      #expect(abs(Double(weights[1]) - e / (1 + e)) <= 4e-7 * e)
    }
  }

  @Test(arguments: InstructionSet.supported, counts)
  func softmaxAndLogSum(isa: InstructionSet, count: Int) {
    let kernels = VectorKernels(isa)
    for offset in [Float(0), 80, -300] {
      let x = floats(count, seed: 5, from: -20, to: 10).map { $0 + offset }
      let largest = Double(x.max()!)
      let powers = x.map { exp(Double($0) - largest) }
      let sum = powers.reduce(0, +)
      expectClose(changed(x) { kernels.softmax(&$0) }, powers.map { $0 / sum }, 5e-7)
      #expect(abs(kernels.logSumExp(x.span) - (largest + log(sum))) <= 2e-7)
    }
  }

  @Test(arguments: InstructionSet.supported)
  func maskedScoresGetNoWeight(isa: InstructionSet) {
    let kernels = VectorKernels(isa)
    var x = [Float](repeating: -.infinity, count: 37)
    x[4] = 2
    x[36] = 2
    let weights = changed(x) { kernels.softmax(&$0) }
    #expect(weights.indices.allSatisfy { weights[$0] == ($0 == 4 || $0 == 36 ? 0.5 : 0) })
    #expect(abs(kernels.logSumExp(x.span) - (2 + log(2.0))) <= 1e-7)
  }

  @Test(arguments: InstructionSet.supported)
  func logSumOfAWholeVocabularyIsAccurate(isa: InstructionSet) {
    let x = floats(151_936, seed: 6, from: -12, to: 12)
    let exact = log(x.reduce(0.0) { $0 + exp(Double($1)) })
    #expect(abs(VectorKernels(isa).logSumExp(x.span) - exact) <= 2e-7)
  }

  @Test(arguments: InstructionSet.supported, counts)
  func rootMeanSquareNorm(isa: InstructionSet, count: Int) {
    let kernels = VectorKernels(isa)
    let x = floats(count, seed: 7), weight = floats(count, seed: 8)
    let meanSquare = x.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(count)
    let factor = 1 / (meanSquare + Double(Float(1e-5))).squareRoot()
    let expected = zip(x, weight).map { Double($0) * factor * Double($1) }
    let apart = changed([Float](repeating: .nan, count: count)) {
      kernels.rmsNorm(x.span, weight: weight.span, epsilon: 1e-5, into: &$0)
    }
    expectClose(apart, expected, 1e-6)
    #expect(changed(x) { kernels.rmsNorm(&$0, weight: weight.span, epsilon: 1e-5) } == apart)
  }

  @Test(arguments: InstructionSet.supported, [1, 8, 20, 64, 80, 128])
  func attention(isa: InstructionSet, width: Int) {
    let kernels = VectorKernels(isa)
    let headCount = 3, stride = headCount * width
    for positions in [0..<1, 0..<5, 2..<5, 0..<67, 30..<67] {
      let query = floats(width, seed: 9)
      let keys = floats(67 * stride, seed: 10), values = floats(67 * stride, seed: 11)
      for head in 0..<headCount {
        let at = { (cache: [Float], position: Int, index: Int) in
          Double(cache[position * stride + head * width + index])
        }
        let scores = positions.map { p in 0.3 * (0..<width).reduce(0) { $0 + Double(query[$1]) * at(keys, p, $1) } }
        let powers = scores.map { exp($0 - scores.max()!) }
        let weights = powers.map { $0 / powers.reduce(0, +) }
        let expected = (0..<width).map { d in zip(positions, weights).reduce(0) { $0 + $1.1 * at(values, $1.0, d) } }
        var scratch = [Float](repeating: .nan, count: 70)
        var scratchSpan = scratch.mutableSpan
        let output = changed([Float](repeating: .nan, count: width)) {
          kernels.attend(
            query: query.span, keys: keys.span, values: values.span, positions: positions, stride: stride,
            offset: head * width, scale: 0.3, scores: &scratchSpan, into: &$0)
        }
        expectClose(output, expected, 2e-6)
        expectClose(Array(scratch[..<positions.count]), weights, 2e-6)
      }
    }
  }
}
