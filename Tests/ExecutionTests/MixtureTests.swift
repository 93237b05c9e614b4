import Execution
import Foundation
import ModelGraph
import Testing

@Suite struct MixtureTests {
  private static let width = 10, expertCount = 6, expertWidth = 14, sharedWidth = 9, tokenCount = 60

  /// Every way of combining: gates normalized or not, a shared expert with and without a router, each function.
  @Test(
    arguments: [(true, nil), (false, false), (false, true), (true, true)] as [(Bool, Bool?)],
    [ActivationFunction.silu, .gelu, .relu])
  func agreesWithTheDefinition(setting: (normalizes: Bool, sharedHasRouter: Bool?), function: ActivationFunction) throws
  {
    let shared = setting.sharedHasRouter.map {
      SharedExpert(name: "shared", width: Self.sharedWidth, router: $0 ? "shared_router" : nil)
    }
    let program = try SmallProgram(width: Self.width, tokenCount: Self.tokenCount, chunkTokenCount: 25) {
      x, writer, operators in
      func randomize(_ name: String, _ outputCount: Int, _ inputCount: Int) {
        operators.randomize(
          name, outputCount: outputCount, inputCount: inputCount, seed: UInt64(operators.matrices.count))
      }
      let mixture = Mixture(
        input: x, router: "router", experts: "experts", expertCount: Self.expertCount, activeCount: 2,
        expertWidth: Self.expertWidth, normalizesGates: setting.normalizes, function: function, shared: shared)
      randomize("router", Self.expertCount, Self.width)
      for expert in 0..<Self.expertCount {
        randomize(mixture.gate(expert), Self.expertWidth, Self.width)
        randomize(mixture.up(expert), Self.expertWidth, Self.width)
        randomize(mixture.down(expert), Self.width, Self.expertWidth)
      }
      randomize("shared.gate", Self.sharedWidth, Self.width)
      randomize("shared.up", Self.sharedWidth, Self.width)
      randomize("shared.down", Self.width, Self.sharedWidth)
      randomize("shared_router", 1, Self.width)
      let mixed = writer.add(mixture)
      // The input is read again, so the mixture's room is not the input's.
      return writer.add(Add(left: mixed, right: x))
    }
    let expected = stride(from: 0, to: Self.tokenCount * Self.width, by: Self.width).flatMap { start in
      row(Array(program.table[start..<start + Self.width]), setting, function, program.operators)
    }
    // Some eight units in the last place of the largest output.
    let largest = expected.reduce(0) { max($0, abs($1)) }
    #expect(largestDifference(try program.rows(), expected) < 1e-6 * largest)
  }

  private func row(
    _ x: [Float], _ setting: (normalizes: Bool, sharedHasRouter: Bool?), _ function: ActivationFunction,
    _ operators: FloatOperators
  ) -> [Float] {
    func times(_ x: [Double], _ name: String) -> [Double] {
      let elements = operators.matrices[name]?.elements ?? []
      return stride(from: 0, to: elements.count, by: x.count).map { start in
        x.indices.reduce(0) { $0 + x[$1] * Double(elements[start + $1]) }
      }
    }
    func expert(_ name: String) -> [Double] {
      let x = x.map(Double.init)
      return times(
        zip(times(x, name + ".gate"), times(x, name + ".up")).map { function.exact($0) * $1 }, name + ".down")
    }
    let odds = times(x.map(Double.init), "router").map(exp)
    let probabilities = odds.map { $0 / odds.reduce(0, +) }
    let best = probabilities.indices.sorted { probabilities[$0] > probabilities[$1] }.prefix(2)
    let divisor = setting.normalizes ? best.reduce(0) { $0 + probabilities[$1] } : 1
    var result = x.map(Double.init)
    func add(_ values: [Double], by factor: Double) {
      for index in result.indices { result[index] += factor * values[index] }
    }
    for index in best { add(expert("experts.\(index)"), by: probabilities[index] / divisor) }
    if let hasRouter = setting.sharedHasRouter {
      add(expert("shared"), by: hasRouter ? 1 / (1 + exp(-times(x.map(Double.init), "shared_router")[0])) : 1)
    }
    return result.map { Float($0) }
  }
}
