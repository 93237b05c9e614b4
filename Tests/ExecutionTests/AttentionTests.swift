import Execution
import Foundation
import ModelGraph
import Testing

@Suite struct AttentionTests {
  private static let headCount = 6, keyValueHeadCount = 2, headWidth = 8, width = 20, tokenCount = 70

  @Test(
    arguments: [AttentionMask.causal, .window(width: 1), .window(width: 3), .window(width: 33), .window(width: 1_000)],
    [1, 5, 256])
  func agreesWithTheDefinition(mask: AttentionMask, chunkTokenCount: Int) throws {
    var weights: [String: [Float]] = [:]
    let (headCount, keyValueHeadCount, headWidth) = (Self.headCount, Self.keyValueHeadCount, Self.headWidth)
    let program = try SmallProgram(
      width: Self.width, outputWidth: headCount * headWidth, tokenCount: Self.tokenCount,
      chunkTokenCount: chunkTokenCount
    ) { x, writer, operators in
      func project(_ name: String, _ heads: Int, _ seed: UInt64) -> ValueID {
        // Small enough for scores of a few units: rounding of larger ones shows in the softmax.
        let weight = operators.randomize(name, outputCount: heads * headWidth, inputCount: Self.width, seed: seed).map {
          $0 / 4
        }
        operators.set(name, outputCount: heads * headWidth, inputCount: Self.width, weight)
        weights[name] = weight
        return writer.add(Linear(input: x, weight: name, outputCount: heads * headWidth))
      }
      let (query, key) = (project("q", headCount, 2), project("k", keyValueHeadCount, 3))
      let value = project("v", keyValueHeadCount, 4)
      return writer.add(
        Attention(
          query: query, key: key, value: value, headCount: headCount, keyValueHeadCount: keyValueHeadCount,
          headWidth: headWidth, scale: 0.2, mask: mask))
    }
    let x = program.embedded(width: Self.width)
    let expected = attention(
      product(x, weights["q"]!, outputCount: headCount * headWidth, inputCount: Self.width),
      product(x, weights["k"]!, outputCount: keyValueHeadCount * headWidth, inputCount: Self.width),
      product(x, weights["v"]!, outputCount: keyValueHeadCount * headWidth, inputCount: Self.width), mask)
    #expect(largestDifference(try program.rows(), expected) < 5e-6)
  }

  /// softmax(0.2 · q·kᵀ + mask) · v, one number after another in double precision.
  private func attention(_ queries: [Float], _ keys: [Float], _ values: [Float], _ mask: AttentionMask) -> [Float] {
    let width = Self.headWidth, group = Self.headCount / Self.keyValueHeadCount
    var result: [Float] = []
    for token in 0..<Self.tokenCount {
      for head in 0..<Self.headCount {
        func row(_ position: Int) -> Int { (position * Self.keyValueHeadCount + head / group) * width }
        let query = (token * Self.headCount + head) * width
        let odds = (0..<Self.tokenCount).map { position -> Double in
          guard isVisible(position, from: token, mask) else { return 0 }
          let score = (0..<width).reduce(0.0) { $0 + Double(queries[query + $1]) * Double(keys[row(position) + $1]) }
          return exp(0.2 * score)
        }
        let sum = odds.reduce(0, +)
        for element in 0..<width {
          result.append(
            Float((0..<Self.tokenCount).reduce(0.0) { $0 + odds[$1] / sum * Double(values[row($1) + element]) }))
        }
      }
    }
    return result
  }

  private func isVisible(_ position: Int, from token: Int, _ mask: AttentionMask) -> Bool {
    switch mask {
    case .causal: position <= token
    case .window(let width): position <= token && token - position < width
    case .bidirectional, .cross: true
    }
  }
}
