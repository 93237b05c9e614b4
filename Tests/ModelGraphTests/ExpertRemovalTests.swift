import ModelGraph
import Testing

@Suite struct ExpertRemovalTests {
  @Test func whatStaysKeepsItsName() throws {
    let graph = SampleGraph.graph
    let smaller = graph.keepingExperts([[0, 2]])
    try smaller.verify()
    #expect(smaller.text.contains("count=2 numbers=0,2 active=2"))
    #expect(try ModelGraph(parsing: smaller.text) == smaller)
    #expect(smaller.parameter(named: "layers.1.mlp.router")?.dimensions == [2, 8])
    #expect(smaller.parameter(named: "layers.1.mlp.experts.1.up") == nil)
    let last = "layers.1.mlp.experts.2.up"
    #expect(smaller.parameter(named: last) == graph.parameter(named: last))
    #expect(graph.parameters.count - smaller.parameters.count == 3)
    // The first ones count from 0 as if there had never been more, and all of them are the graph itself.
    #expect(!graph.keepingExperts([[0, 1]]).text.contains("numbers"))
    #expect(graph.keepingExperts([[0, 1, 2]]) == graph)
  }

  @Test func mixturesThatShareARouterKeepTheSameExperts() throws {
    let first = SampleGraph.mixture
    var graph = SampleGraph.graph
    graph.replace(
      21,
      with: Mixture(
        input: ValueID(20), router: first.router, experts: first.experts, expertCount: 3, activeCount: 2,
        expertWidth: 6, normalizesGates: true, function: .silu, shared: nil))
    try graph.verify()
    #expect(graph.fault(inKeeping: [[0, 2], [0, 2]]) == nil)
    for kept in [[[0, 2], [0, 1]], [[0, 1, 2], [0, 1]]] {
      #expect(graph.fault(inKeeping: kept) == .differentRows(router: first.router))
    }
    try graph.keepingExperts([[0, 2], [0, 2]]).verify()
  }

  @Test(
    arguments: [
      "0..1", "0,1", "2,0", "0,0", "1..1", "00,2", "0..", "..2", "0,,2", "-1,2", "0,99999999999999999999", "0...2",
      "0,65536", "0..2,3", "2",
    ])
  func numbersAreAscendingAndWrittenOneWay(numbers: String) throws {
    let text = SampleGraph.graph.keepingExperts([[0, 2]]).text
    #expect(throws: GraphError.self) {
      try ModelGraph(parsing: text.replacing("numbers=0,2", with: "numbers=\(numbers)"))
    }
  }
}
