import ModelGraph
import Testing

@Suite struct GraphTextTests {
  @Test func printsAndParses() throws {
    #expect(SampleGraph.graph.text == SampleGraph.text)
    #expect(try ModelGraph(parsing: SampleGraph.text) == SampleGraph.graph)
  }

  @Test func catalogHoldsEveryKindOnce() throws {
    let mnemonics = OperationCatalog.kinds.map { $0.mnemonic }
    #expect(Set(mnemonics).count == mnemonics.count)
    let graphs = [SampleGraph.graph, try ModelGraph(parsing: EncoderDecoderSample.text())]
    let used = Set(graphs.flatMap(\.blocks).flatMap(\.statements).map { type(of: $0.operation).mnemonic })
    #expect(used == Set(mnemonics))
  }

  @Test func numbersSurviveToTheBit() throws {
    var state: UInt64 = 7
    for _ in 0..<500 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let epsilon = abs(Float(bitPattern: UInt32(truncatingIfNeeded: state >> 32)))
      let base = abs(Double(bitPattern: state))
      guard epsilon.isFinite, base.isFinite, base > 0 else { continue }
      var graph = SampleGraph.graph
      graph.replace(22, with: RMSNorm(input: ValueID(21), weight: "final_norm", span: 8, epsilon: epsilon))
      graph.replace(9, with: Rope(input: ValueID(5), headWidth: 4, base: base, scaling: .none))
      #expect(try ModelGraph(parsing: graph.text) == graph)
    }
  }

  @Test func unevenExpertsPrintOneByOne() throws {
    var parameters = SampleGraph.graph.parameters
    let first = try #require(parameters.firstIndex { $0.name == "layers.1.mlp.experts.1.up" })
    parameters[first] = ParameterDeclaration(name: parameters[first].name, role: .mlp, dimensions: [6, 8])
    var graph = SampleGraph.graph
    graph.parameters = parameters
    #expect(!graph.text.contains("{"))
    #expect(try ModelGraph(parsing: graph.text) == graph)
  }

  @Test func answersQuestions() throws {
    let graph = SampleGraph.graph
    #expect(graph.parameter(named: "layers.0.mlp.down")?.dimensions == [8, 12])
    #expect(graph.parameter(named: "layers.0.mlp.dawn") == nil)
    let types = try graph.types()
    #expect(types.count == 23)
    #expect(types[ValueID(0)] == .ids(sequence: "n"))
    #expect(types[ValueID(16)] == .activation(sequence: "n", width: 12))
    #expect(graph.parametersByBlock().map(\.block) == ["embedding", "layers.0", "layers.1", "head"])
    #expect(graph.parametersByBlock().flatMap(\.parameters) == graph.parameters)
    #expect(graph.parameters(ofBlock: "head").map(\.name) == ["final_norm", "head"])
    #expect(graph.parameters(ofBlock: "layers.1").count == 14)
    #expect(graph.block(ofParameter: "layers.1.mlp.shared_router") == "layers.1")
    #expect(!graph.isTied)
  }

  @Test func tiedHeadBringsNoTable() throws {
    var graph = SampleGraph.graph
    graph.replace(23, with: Head(input: ValueID(22), weight: "embedding", vocabularyCount: 32))
    graph.parameters.removeLast()
    try graph.verify()
    #expect(graph.isTied)
    #expect(graph.parameters(ofBlock: "head").map(\.name) == ["final_norm"])
    #expect(graph.block(ofParameter: "embedding") == "embedding")
  }

  @Test func differentOperationsDiffer() {
    var graph = SampleGraph.graph
    graph.replace(15, with: Activation(input: ValueID(13), function: .relu))
    #expect(graph != SampleGraph.graph)
    graph = SampleGraph.graph
    graph.replace(12, with: Multiply(left: ValueID(1), right: ValueID(11)))
    #expect(graph != SampleGraph.graph)
  }
}
