import Execution
import Foundation
import ModelGraph
import Testing

@Suite struct RopeTests {
  @Test(arguments: [
    RopeScaling.none, .linear(factor: 4),
    .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 256),
  ])
  func turnsHalvesOfEveryHead(scaling: RopeScaling) throws {
    let (headWidth, heads, tokenCount) = (12, 3, 150)
    let program = try SmallProgram(width: headWidth * heads, tokenCount: tokenCount, chunkTokenCount: 64) {
      x, writer, _ in
      let turned = writer.add(Rope(input: x, headWidth: headWidth, base: 500, scaling: scaling))
      // The input is read again: it must not be turned in place.
      return writer.add(Add(left: turned, right: x))
    }
    let x = program.embedded(width: headWidth * heads)
    var expected = x
    for token in 0..<tokenCount {
      for head in 0..<heads {
        for pair in 0..<headWidth / 2 {
          let first = (token * heads + head) * headWidth + pair, second = first + headWidth / 2
          let angle = Double(token) * frequency(pair, headWidth, scaling)
          expected[first] += Float(Double(x[first]) * cos(angle) - Double(x[second]) * sin(angle))
          expected[second] += Float(Double(x[second]) * cos(angle) + Double(x[first]) * sin(angle))
        }
      }
    }
    #expect(largestDifference(try program.rows(), expected) < 2e-6)
  }

  /// The rule as it is usually told, by wavelengths.
  private func frequency(_ pair: Int, _ headWidth: Int, _ scaling: RopeScaling) -> Double {
    let plain = 1 / pow(500, Double(2 * pair) / Double(headWidth))
    switch scaling {
    case .none: return plain
    case .linear(let factor): return plain / factor
    case .llama3(let factor, let low, let high, let context):
      let wavelength = 2 * Double.pi / plain
      if wavelength > Double(context) / low { return plain / factor }
      if wavelength < Double(context) / high { return plain }
      let smooth = (Double(context) / wavelength - low) / (high - low)
      return (1 - smooth) * plain / factor + smooth * plain
    }
  }
}
