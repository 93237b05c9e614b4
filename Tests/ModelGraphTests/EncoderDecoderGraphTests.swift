import Foundation
import ModelGraph
import TensorCore
import TestSupport
import Testing

/// An encoder–decoder's program: two sequences, relative biases, cross attention, experts without a gate.
enum EncoderDecoderSample {
  static func text() throws -> String {
    try String(contentsOfFile: Fixtures.path("golden-ir/switch.txt"), encoding: .utf8)
  }
}

@Suite struct EncoderDecoderGraphTests {
  private let text: String

  init() throws { text = try EncoderDecoderSample.text() }

  @Test func printsWhatItParses() throws {
    let graph = try ModelGraph(parsing: text)
    #expect(graph.text == text)
    #expect(graph.sourceSequence == "source" && graph.isTied)
    #expect(SampleGraph.graph.sourceSequence == nil)
    let types = try graph.types()
    #expect(types[ValueID(36)] == .activation(sequence: "source", width: 64))
    #expect(types[ValueID(38)] == .activation(sequence: "target", width: 64))
    // The bias belongs to the layer that is the first to use it.
    #expect(graph.block(ofParameter: "decoder.relative_bias") == "decoder.layers.0")
    #expect(graph.parameters(ofBlock: "encoder.layers.1").map(\.name).filter { $0.contains("experts") }.count == 8)
  }

  @Test func ungatedExpertsPrintOneByOneWhereTheyDiffer() throws {
    let line = "parameters @encoder.layers.1.mlp.experts.{0..3} expert up [128, 64] down [64, 128]"
    let graph = try ModelGraph(parsing: text)
    var single = text
    single.replace(
      line,
      with: (0..<4).map { expert in
        "parameter @encoder.layers.1.mlp.experts.\(expert).up \(expert == 1 ? "mlp" : "expert") [128, 64]\n"
          + "parameter @encoder.layers.1.mlp.experts.\(expert).down expert [64, 128]"
      }.joined(separator: "\n"))
    let uneven = try ModelGraph(parsing: single)
    #expect(uneven != graph)
    #expect(try ModelGraph(parsing: uneven.text) == uneven)
    #expect(uneven.text.contains("experts.{2..3} expert up [128, 64] down [64, 128]"))
  }

  /// A change of the first place where the old text stands, and what is said of it.
  @Test(
    arguments: [
      ("mask=bidirectional", "mask=both", "graph.syntax", "one of causal, window, bidirectional, cross"),
      ("mask=cross", "mask=causal", "graph.operand-type", "[target, 64]"),
      ("mask=cross", "mask=bidirectional", "graph.operand-type", "[target, 64]"),
      ("%28 %29 %30 heads=4 kv_heads=4 head=16 scale=1.0 mask=causal bias=@decoder.relative_bias buckets=32 distance=128",
        "%28 %29 %30 heads=4 kv_heads=4 head=16 scale=1.0 mask=cross", "graph.attribute", "another sequence"),
      ("%35 %36 %37", "%35 %36 %30", "graph.operand-type", "[source, 64]"),
      ("%35 %36 %37 heads=4 kv_heads=4 head=16 scale=1.0 mask=cross",
        "%35 %36 %37 heads=4 kv_heads=4 head=16 scale=1.0 mask=cross bias=@decoder.relative_bias buckets=32 distance=128",
        "graph.attribute", "one sequence"),
      ("buckets=32", "buckets=30", "graph.attribute", "multiple of 4"),
      ("buckets=32", "buckets=0", "graph.attribute", "multiple of 4"),
      ("buckets=32", "buckets=64", "graph.parameter-dimensions", "[64, 4]"),
      ("buckets=32", "buckets=-32", "graph.attribute", "multiple of 4"),
      ("buckets=32", "buckets=9223372036854775804", "graph.attribute", "multiple of 4"),
      ("distance=128", "distance=8", "graph.attribute", "must lie in 9…65536"),
      ("distance=128", "distance=65537", "graph.attribute", "must lie in 9…65536"),
      ("distance=128", "distance=-1", "graph.attribute", "must lie in 9…65536"),
      (" distance=128", "", "graph.syntax", "`distance=`"),
      (" bias=@encoder.relative_bias", "", "graph.syntax", "no more fields"),
      ("bias=@encoder.relative_bias", "bias=@nothing", "graph.undeclared-parameter", "declaration"),
      ("mask=causal bias=@decoder.relative_bias buckets=32 distance=128",
        "mask=causal bias=@decoder.relative_bias buckets=32 distance=16", "graph.attribute", "must lie in 17…65536"),
      ("gated=false", "gated=true", "graph.syntax", "false"),
      (" gated=false", "", "graph.undeclared-parameter", "declaration"),
      (" gated=false", " gated=false gated=false", "graph.syntax", "no more fields"),
      ("factor=0.125", "factor=inf", "graph.attribute", "finite"),
      ("factor=0.125", "factor=nan", "graph.attribute", "finite"),
      ("add %2 %8", "add %2 %26", "graph.undefined-value", "no earlier statement"),
      ("add %33 %39", "add %33 %25", "graph.operand-type", "[target, 64]"),
      ("{0..3} expert up", "{0..3} expert down", "graph.syntax", "gate"),
      ("{0..3} expert up [128, 64] down [64, 128]", "{0..3} expert up [128, 64]", "graph.syntax", "down"),
      ("input %1 : ids[target]", "input %2 : ids[target]", "graph.input-number", "%1"),
      ("embed %1 table=@embedding width=64 : [target, 64]", "embed %1 table=@embedding width=64 : [source, 64]",
        "graph.syntax", "[target, 64]"),
    ] as [(String, String, String, String)])
  func refuses(old: String, new: String, code: String, word: String) throws {
    let place = try #require(text.range(of: old), "\(old)")
    let error = #expect(throws: GraphError.self) {
      try ModelGraph(parsing: text.replacingCharacters(in: place, with: new))
    }
    let diagnosis = try #require(error?.diagnosis)
    #expect(diagnosis.code == code && diagnosis.why.contains(word), "\(diagnosis)")
    #expect(diagnosis.status == .malformedInput)
  }

  /// A changed text is refused, or it is the text of another graph that verifies.
  @Test func changedBytesNeverCrash() throws {
    let original = Array(text.utf8)
    let alphabet = Array("0123456789 \n%@[],:.{}=-aenx_".utf8)
    var random = SplitMix64(seed: 12)
    for _ in 0..<4_000 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let position = Int.random(in: bytes.indices, using: &random)
        let byte = alphabet.randomElement(using: &random) ?? 0
        if Bool.random(using: &random) { bytes[position] = byte } else { bytes.remove(at: position) }
      }
      let changed = String(decoding: bytes, as: UTF8.self)
      guard let graph = try? ModelGraph(parsing: changed) else { continue }
      #expect(graph.text == changed)
    }
  }
}

extension String {
  fileprivate mutating func replace(_ old: String, with new: String) { self = replacingOccurrences(of: old, with: new) }
}
