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
      let mixture = Mixture(
        input: x, router: "router", experts: "experts", expertCount: Self.expertCount, activeCount: 2,
        expertWidth: Self.expertWidth, normalizesGates: setting.normalizes, function: function, shared: shared)
      randomize(mixture, operators)
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

  /// Three tokens of a batch are longer than the threshold and three are shorter; these ask their first expert alone.
  @Test(arguments: [true, false]) func aTokensOwnLengthProtectsIt(normalizes: Bool) throws {
    var norms: [Float] = []
    func program(activeCount: Int, isSkipping: Bool) throws -> (rows: [Float], skips: ExpertSkips) {
      let program = try SmallProgram(width: Self.width, tokenCount: 6) { x, writer, operators in
        let table = operators.matrices["table"]?.elements ?? []
        norms = stride(from: 0, to: 6 * Self.width, by: Self.width).map { start in
          table[start..<start + Self.width].reduce(0) { $0 + $1 * $1 }.squareRoot()
        }
        let sorted = norms.sorted()
        let mixture = Mixture(
          input: x, router: "router", experts: "experts", expertCount: Self.expertCount, activeCount: activeCount,
          expertWidth: Self.expertWidth, normalizesGates: normalizes, function: .silu,
          skipping: ExpertSkipping(ratio: 1, protectedNorm: (sorted[2] + sorted[3]) / 2), shared: nil)
        randomize(mixture, operators)
        return writer.add(mixture)
      }
      program.executor.skipsExperts = isSkipping
      return (try program.rows(), program.executor.expertSkips)
    }
    let whole = try program(activeCount: 2, isSkipping: false), first = try program(activeCount: 1, isSkipping: false)
    let found = try program(activeCount: 2, isSkipping: true)
    let threshold = norms.sorted()[3]
    let expected = norms.indices.flatMap { token in
      (norms[token] < threshold ? first : whole).rows[token * Self.width..<(token + 1) * Self.width]
    }
    let largest = expected.reduce(0) { max($0, abs($1)) }
    #expect(largestDifference(found.rows, expected) < 1e-6 * largest)
    #expect(found.skips.skippedCount == 3 && found.skips.choiceCount == 6 && whole.skips == ExpertSkips())
    #expect(largestDifference(whole.rows, first.rows) > 1e-2 * largest)
  }

  private func randomize(_ mixture: Mixture, _ operators: FloatOperators) {
    func randomize(_ name: String, _ outputCount: Int, _ inputCount: Int) {
      operators.randomize(
        name, outputCount: outputCount, inputCount: inputCount, seed: UInt64(operators.matrices.count))
    }
    randomize(mixture.router, Self.expertCount, Self.width)
    for expert in 0..<Self.expertCount {
      randomize(mixture.gate(expert), Self.expertWidth, Self.width)
      randomize(mixture.up(expert), Self.expertWidth, Self.width)
      randomize(mixture.down(expert), Self.width, Self.expertWidth)
    }
    guard let shared = mixture.shared else { return }
    randomize(shared.gate, Self.sharedWidth, Self.width)
    randomize(shared.up, Self.sharedWidth, Self.width)
    randomize(shared.down, Self.width, Self.sharedWidth)
    if let router = shared.router { randomize(router, 1, Self.width) }
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
