@testable import Calibration
import DecodeKernels
import Encodings
import LinearAlgebra
import ModelGraph
import ModelIR
import PassKit
import TensorCore
import TestSupport
import Testing

@Suite struct SweepTests {
  @Test(arguments: ["tiny/llama", "tiny/qwen2-moe", "tiny/mixtral", "models/novelist-moe"])
  func statisticsAreThoseOfTheActivations(name: String) throws {
    let fixture = try Fixture(name)
    let observed = try fixture.observedInputs()
    var seen = 0
    try fixture.sweep().forEachBlock(of: fixture.model, need: .gram) { _, names, inputs in
      for name in names {
        let rows = observed[name] ?? [], width = try #require(fixture.model.graph.parameter(named: name)).dimensions[1]
        let gram = try inputs.gram(ofInputsTo: name)
        #expect(try inputs.tokenCount(ofInputsTo: name) == rows.count / width)
        #expect(gram.width == width && gram.tokenCount == rows.count / width)
        var largest = 0.0, scale = 1e-12
        // Every row of a small matrix, some of a large one.
        for i in stride(from: 0, to: width, by: max(1, width / 16)) {
          for j in 0..<width {
            var sum = 0.0
            for start in stride(from: 0, to: rows.count, by: width) {
              sum += Double(rows[start + i]) * Double(rows[start + j])
            }
            largest = max(largest, abs(sum - gram.matrix[i, j]))
            scale = max(scale, abs(sum))
          }
        }
        #expect(largest <= 2e-6 * scale, "\(name)")
        #expect(try inputs.meanSquares(ofInputsTo: name) == gram.meanSquares)
        seen += 1
      }
    }
    // Every matrix but the embedding table.
    let matrices = fixture.model.graph.parameters.filter { $0.dimensions.count == 2 }
    #expect(seen == matrices.count - (fixture.model.graph.isTied ? 0 : 1))
  }

  @Test func meanSquaresAloneAreThoseOfTheGram() throws {
    let fixture = try Fixture("tiny/qwen3-moe")
    var grams: [String: [Float]] = [:]
    try fixture.sweep().forEachBlock(of: fixture.model, need: .gram) { _, names, inputs in
      for name in names { grams[name] = try inputs.meanSquares(ofInputsTo: name) }
    }
    try fixture.sweep().forEachBlock(of: fixture.model, need: .meanSquares) { _, names, inputs in
      for name in names {
        let means = try inputs.meanSquares(ofInputsTo: name), expected = grams[name] ?? []
        #expect(means.count == expected.count)
        for (a, b) in zip(means, expected) { #expect(abs(a - b) <= 2e-6 * max(abs(b), 1e-6)) }
      }
    }
  }

  @Test(arguments: ["tiny/mixtral", "tiny/olmoe", "models/novelist-moe"])
  func everyTokenReachesItsExperts(name: String) throws {
    let fixture = try Fixture(name)
    let tokenCount = fixture.sequences.reduce(0) { $0 + $1.count }
    var mixtures = 0
    try fixture.sweep().forEachBlock(of: fixture.model, need: .meanSquares) { block, _, inputs in
      for case let mixture as Mixture in block.statements.map(\.operation) {
        mixtures += 1
        let counts = try (0..<mixture.expertCount).map { try inputs.tokenCount(ofInputsTo: mixture.gate($0)) }
        #expect(counts.reduce(0, +) == tokenCount * mixture.activeCount)
        for expert in 0..<mixture.expertCount {
          #expect(try inputs.tokenCount(ofInputsTo: mixture.down(expert)) == counts[expert])
          let means = try inputs.meanSquares(ofInputsTo: mixture.up(expert))
          #expect(means.contains { $0 > 0 } == (counts[expert] > 0))
        }
        #expect(try inputs.tokenCount(ofInputsTo: mixture.router) == tokenCount)
      }
    }
    #expect(mixtures > 0)
  }

  @Test(arguments: ["tiny/llama", "tiny/qwen2-moe"]) func aSweepThatChangesNothingIsAForwardPass(name: String) throws {
    let fixture = try Fixture(name)
    let sweep = try fixture.sweep()
    try sweep.restart(on: fixture.model)
    for block in fixture.model.graph.blocks.dropLast() { try sweep.advance(through: block, in: fixture.model) }
    let executor = try fixture.executor()
    for (index, ids) in fixture.sequences.enumerated() {
      var rows: [[Float]] = []
      try executor.logits(ofHidden: sweep.states(ofSequence: index).span, tokenCount: ids.count) { _, row in
        rows.append(row.indices.map { row[$0] })
      }
      #expect(try rows == fixture.logits(ids))
    }
  }

  @Test func laterBlocksSeeWhatTheChangedOnesLeave() throws {
    let fixture = try Fixture("tiny/llama")
    let changed = fixture.model.disturbed(0.3) { $0.hasPrefix("layers.0.") }
    let sweep = try fixture.sweep()
    func statistics(changing: Bool) throws -> [[Float]] {
      try sweep.restart(on: fixture.model)
      var model = fixture.model
      return try model.graph.blocks.map { block in
        let name = block.name == "head" ? "head" : "\(block.name).attention.query"
        let inputs = try sweep.inputs(of: block, in: model, need: .gram, parameters: [name])
        let means = block.name == "embedding" ? [] : try inputs.meanSquares(ofInputsTo: name)
        if changing, block.name == "layers.0" { model = changed }
        try sweep.advance(through: block, in: model)
        return means
      }
    }
    let (before, after) = (try statistics(changing: false), try statistics(changing: true))
    #expect(before[1] == after[1] && before[2] != after[2] && before[3] != after[3])
  }

  @Test func memoryAndThreadsChangeNoFigure() throws {
    for name in ["tiny/qwen2-moe", "models/novelist-dense"] {
      let fixture = try Fixture(name)
      func grams(threads: Int, spare: Int?) throws -> ([String: Gram], spilled: Int) {
        let budget = try fixture.budget(spare: spare)
        var grams: [String: Gram] = [:]
        try fixture.sweep(threads: threads, budget: budget).forEachBlock(of: fixture.model, need: .gram) {
          for name in $1 { grams[name] = try $2.gram(ofInputsTo: name) }
        }
        #expect(budget.heldStatesByteCount == 0)
        return (grams, budget.spilledByteCount)
      }
      let (roomy, unspilled) = try grams(threads: 1, spare: nil)
      let (tight, spilled) = try grams(threads: 3, spare: 0)
      #expect(roomy == tight && !roomy.isEmpty)
      // Every sequence after every block but the last.
      let width = fixture.model.graph.parameters[0].dimensions[1]
      let tokens = fixture.sequences.reduce(0) { $0 + $1.count }
      #expect(unspilled == 0 && spilled == tokens * width * 4 * (fixture.model.graph.blocks.count - 1))
    }
  }

  @Test func aWeightThatIsNotANumberIsTracedToTheFirstMatrixThatSeesIt() throws {
    let fixture = try Fixture("tiny/llama")
    var model = fixture.model
    let name = "layers.0.mlp.up"
    let count = try #require(model.graph.parameter(named: name)).dimensions.reduce(1, *)
    var weights = [Float](repeating: 0.01, count: count)
    weights[3] = .nan
    model.values[name] = ParameterValue(
      encoding: .dense(.f32), storage: InMemoryBytes(DenseCodec.encode(weights.span, as: .f32)))
    for need in [CalibrationNeed.meanSquares, .gram] {
      #expect(throws: PassError.statisticsNotFinite(parameter: "layers.0.mlp.down")) {
        try fixture.sweep().forEachBlock(of: model, need: need) { _, names, inputs in
          for name in names { _ = try inputs.meanSquares(ofInputsTo: name) }
        }
      }
    }
  }

  @Test func aTableThatIsLookedUpHasNoInputs() throws {
    let fixture = try Fixture("tiny/llama")
    let sweep = try fixture.sweep()
    try sweep.restart(on: fixture.model)
    let block = fixture.model.graph.blocks[0]
    let inputs = try sweep.inputs(of: block, in: fixture.model, need: .gram, parameters: ["embedding"])
    #expect(throws: CalibrationError.noInputs(parameter: "embedding", block: "embedding")) {
      try inputs.gram(ofInputsTo: "embedding")
    }
  }

  @Test func matricesOfOneInputShareATap() throws {
    let graph = try Fixture("tiny/qwen2-moe").model.graph
    let taps = try InputTap.taps(ofBlock: 1, in: graph)
    #expect(taps[0].parameters == ["query", "key", "value"].map { "layers.0.attention.\($0)" } && taps[0].width == 64)
    #expect(taps[1].parameters == ["layers.0.attention.output"])
    #expect(
      taps[2].parameters == ["router", "shared.gate", "shared.up", "shared_router"].map { "layers.0.mlp.\($0)" })
    #expect(taps[3].parameters == ["layers.0.mlp.experts.0.gate", "layers.0.mlp.experts.0.up"])
    #expect(taps[4] == InputTap(parameters: ["layers.0.mlp.experts.0.down"], width: 32))
    #expect(taps.count == 3 + 2 * 8 + 1)
    #expect(try InputTap.taps(ofBlock: 0, in: graph).isEmpty)
    #expect(try InputTap.taps(ofBlock: 3, in: graph) == [InputTap(parameters: ["head"], width: 64)])
  }

  @Test func matricesThatLeadToNoInputAreNotApplied() throws {
    let graph = try Fixture("tiny/qwen2-moe").model.graph
    let names = { (kinds: [String]) in Set(kinds.map { "layers.0.\($0)" }) }
    let downs = names((0..<8).map { "mlp.experts.\($0).down" } + ["mlp.shared.down"])
    let ofMixture = InputTap.matricesWithoutUse(observing: names(["mlp.experts.3.down"]), in: graph.blocks[1])
    #expect(ofMixture == downs)
    let ofAttention = InputTap.matricesWithoutUse(observing: names(["attention.query"]), in: graph.blocks[1])
    let projections = names(["query", "key", "value", "output"].map { "attention.\($0)" })
    #expect(ofAttention == downs.union(projections))
  }

  @Test func theInfluenceOfABlockIsOneLessTheMeanCosine() throws {
    let fixture = try Fixture("tiny/llama")
    let sweep = try fixture.sweep()
    try sweep.restart(on: fixture.model)
    try sweep.advance(through: fixture.model.graph.blocks[0], in: fixture.model)
    let before = fixture.sequences.indices.map(sweep.states(ofSequence:))
    let influence = try sweep.blockInfluence(of: fixture.model.graph.blocks[1], in: fixture.model)
    try sweep.advance(through: fixture.model.graph.blocks[1], in: fixture.model)
    let after = fixture.sequences.indices.map(sweep.states(ofSequence:))
    let width = fixture.model.graph.parameters[0].dimensions[1]
    let (a, b) = (before.flatMap(\.self), after.flatMap(\.self))
    var cosines: [Double] = []
    for start in stride(from: 0, to: a.count, by: width) {
      func dot(_ x: [Float], _ y: [Float]) -> Double {
        (start..<start + width).reduce(0) { $0 + Double(x[$1]) * Double(y[$1]) }
      }
      cosines.append(dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot())
    }
    #expect(abs(influence - (1 - cosines.reduce(0, +) / Double(cosines.count))) < 1e-12)
    #expect(influence > 0)
  }
}
