@testable import Calibration
import Encodings
import Foundation
import ModelGraph
import ModelIR
import PassKit
import TensorCore
import TestSupport
import Testing

/// What a sweep tells of routing, against a slow computation from the weights.
@Suite struct RoutingTests {
  /// One expert's output for one row of the mixture's input, in double precision.
  private static func output(of expert: Int, in mixture: Mixture, _ x: [Double], _ model: Model) -> [Double] {
    func product(_ name: String, _ x: [Double]) -> [Double] {
      let weights = model.weights(name)
      return stride(from: 0, to: weights.count, by: x.count).map { start in
        x.indices.reduce(0) { $0 + weights[start + $1] * x[$1] }
      }
    }
    let inner = zip(product(mixture.gate(expert), x), product(mixture.up(expert), x)).map { gate, up in
      gate / (1 + exp(-gate)) * up
    }
    return product(mixture.down(expert), inner)
  }

  @Test(arguments: ["tiny/qwen2-moe", "tiny/mixtral", "tiny/olmoe"])
  func statisticsAreThoseOfTheDefinition(name: String) throws {
    let fixture = try Fixture(name, sequenceCount: 2, length: 20)
    let inputs = try fixture.observedInputs()
    let sweep = try fixture.sweep()
    try sweep.restart(on: fixture.model)
    for block in fixture.model.graph.blocks {
      let uses = try sweep.mixtureUses(in: block, of: fixture.model)
      #expect(uses.map(\.router) == block.mixtures.map(\.router))
      for (mixture, use) in zip(block.mixtures, uses) {
        let expected = try Self.use(of: mixture, rows: #require(inputs[mixture.router]), fixture.model)
        #expect(use.tokenCount == expected.tokenCount && use.tokenCount > 30)
        for (actual, expected) in zip(use.experts, expected.experts) {
          #expect(actual.tokenCount == expected.tokenCount)
          expectNear(actual.probabilitySum, expected.probabilitySum)
          expectNear(actual.chosenProbabilitySum, expected.chosenProbabilitySum)
          expectNear(actual.gateSum, expected.gateSum)
          expectNear(actual.outputSum, expected.outputSum)
          expectNear(actual.energy, expected.energy)
          expectNear(Double(actual.largestActivation), Double(expected.largestActivation))
        }
      }
      try sweep.advance(through: block, in: fixture.model)
    }
  }

  private static func use(of mixture: Mixture, rows: [Float], _ model: Model) -> MixtureUse {
    let router = model.weights(mixture.router), width = router.count / mixture.expertCount
    var use = MixtureUse(
      router: mixture.router, tokenCount: rows.count / width,
      experts: [ExpertUse](repeating: ExpertUse(), count: mixture.expertCount))
    for token in 0..<use.tokenCount {
      let x = rows[token * width..<(token + 1) * width].map(Double.init)
      let powers = (0..<mixture.expertCount).map { expert in
        exp(x.indices.reduce(0) { $0 + router[expert * width + $1] * x[$1] })
      }
      let probabilities = powers.map { $0 / powers.reduce(0, +) }
      let chosen = probabilities.indices.sorted { probabilities[$0] > probabilities[$1] }.prefix(mixture.activeCount)
      let sum = mixture.normalizesGates ? chosen.reduce(0) { $0 + probabilities[$1] } : 1
      for expert in probabilities.indices { use.experts[expert].probabilitySum += probabilities[expert] }
      for expert in chosen {
        let gate = probabilities[expert] / sum, output = output(of: expert, in: mixture, x, model)
        let square = output.reduce(0) { $0 + $1 * $1 }
        use.experts[expert].tokenCount += 1
        use.experts[expert].chosenProbabilitySum += probabilities[expert]
        use.experts[expert].gateSum += gate
        use.experts[expert].outputSum += gate * square.squareRoot()
        use.experts[expert].energy += gate * gate * square
        use.experts[expert].largestActivation = max(
          use.experts[expert].largestActivation, Float(output.map(abs).max() ?? 0))
      }
    }
    return use
  }

  @Test func gatesAreThoseOfTheDefinition() throws {
    let fixture = try Fixture("tiny/olmoe", sequenceCount: 2, length: 20)
    let inputs = try fixture.observedInputs()
    let sweep = try fixture.sweep()
    try sweep.restart(on: fixture.model)
    for block in fixture.model.graph.blocks {
      for (mixture, sample) in zip(block.mixtures, try sweep.gateSamples(in: block, of: fixture.model)) {
        let rows = try #require(inputs[mixture.router]), router = fixture.model.weights(mixture.router)
        let width = router.count / mixture.expertCount, others = mixture.activeCount - 1
        #expect(sample.norms.count == rows.count / width && sample.ratios.count == sample.norms.count * others)
        for token in sample.norms.indices {
          let x = rows[token * width..<(token + 1) * width].map(Double.init)
          expectNear(Double(sample.norms[token]), x.reduce(0) { $0 + $1 * $1 }.squareRoot())
          let odds = (0..<mixture.expertCount).map { expert in
            exp(x.indices.reduce(0) { $0 + router[expert * width + $1] * x[$1] })
          }.sorted(by: >)
          for rank in 0..<others { expectNear(Double(sample.ratios[token * others + rank]), odds[rank + 1] / odds[0]) }
        }
      }
      try sweep.advance(through: block, in: fixture.model)
    }
  }

  @Test(arguments: ["tiny/mixtral", "tiny/olmoe"])
  func errorsAreThoseOfTheOutputs(name: String) throws {
    let fixture = try Fixture(name, sequenceCount: 2, length: 20)
    let changed = try #require(fixture.model.graph.mixtures.last)
    let disturbed = fixture.model.disturbed(0.2) { $0.hasPrefix(changed.mixture.experts + ".1.") }
    // An expert whose down projection is twice what it was is wrong by its own output.
    var doubled = fixture.model
    doubled.scale(changed.mixture.down(1), by: 2)
    let sweep = try fixture.sweep()
    try sweep.restart(on: fixture.model)
    for (index, block) in fixture.model.graph.blocks.enumerated() {
      let none = try sweep.expertErrors(in: block, of: fixture.model, from: fixture.model)
      #expect(none.allSatisfy { $0.allSatisfy { $0 == 0 } } && none.count == block.mixtures.count)
      let errors = try sweep.expertErrors(in: block, of: disturbed, from: fixture.model)
      if index == changed.block {
        #expect(errors[0].enumerated().allSatisfy { ($1 > 0) == ($0 == 1) })
        let uses = try sweep.mixtureUses(in: block, of: fixture.model)
        let errors = try sweep.expertErrors(in: block, of: doubled, from: fixture.model)
        expectNear(errors[0][1], uses[0].experts[1].energy)
      } else {
        #expect(errors.allSatisfy { $0.allSatisfy { $0 == 0 } })
      }
      try sweep.advance(through: block, in: fixture.model)
    }
  }

  @Test func figuresDoNotDependOnThreads() throws {
    let fixture = try Fixture("tiny/qwen2-moe")
    func uses(threads: Int) throws -> [MixtureUse] {
      let sweep = try fixture.sweep(threads: threads)
      try sweep.restart(on: fixture.model)
      return try fixture.model.graph.blocks.flatMap { block in
        defer { try? sweep.advance(through: block, in: fixture.model) }
        return try sweep.mixtureUses(in: block, of: fixture.model)
      }
    }
    let one = try uses(threads: 1)
    #expect(try uses(threads: 3) == one && !one.isEmpty)
  }
}

extension Model {
  /// The weights of a dense matrix.
  fileprivate func weights(_ name: String) -> [Double] {
    guard let value = values[name], case .dense(let type) = value.encoding else { return [] }
    return value.storage.withBytes { DenseCodec.decode($0, as: type) }.map(Double.init)
  }

  /// Multiplies a matrix by a number.
  fileprivate mutating func scale(_ name: String, by factor: Double) {
    let scaled = weights(name).map { Float($0 * factor) }
    values[name] = ParameterValue(
      encoding: .dense(.f32), storage: InMemoryBytes(DenseCodec.encode(scaled.span, as: .f32)))
  }
}

private func expectNear(_ actual: Double, _ expected: Double, _ place: SourceLocation = #_sourceLocation) {
  #expect(abs(actual - expected) <= 1e-4 * max(1e-3, abs(expected)), "\(actual), \(expected)", sourceLocation: place)
}
