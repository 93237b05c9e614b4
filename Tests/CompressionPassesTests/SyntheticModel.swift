import Encodings
import ModelGraph
import ModelIR
import PassKit
import TensorCore

/// A mixture model with every role a pass must tell apart, and weights drawn from a seed.
///
/// `embedding`, then two layers of norms, an attention projection with a bias, and a feed-forward part (dense in
/// layer 0, a mixture with router and shared expert in layer 1), then `final_norm` and `head` (unless tied).
struct SyntheticModel {
  var width = 64
  var expertWidth = 32
  var expertCount = 2
  var activeCount = 1
  var vocabularyCount = 50
  var isTied = false
  var type = ElementType.bf16

  var graph: ModelGraph {
    var parameters: [ParameterDeclaration] = []
    var blocks: [Block] = []
    var statements: [Statement] = []
    var next = 1
    func declare(_ name: String, _ role: ParameterRole, _ dimensions: Int...) {
      parameters.append(ParameterDeclaration(name: name, role: role, dimensions: dimensions))
    }
    func append(_ operation: any GraphOperation) -> ValueID {
      defer { next += 1 }
      statements.append(Statement(result: ValueID(next), operation: operation))
      return ValueID(next)
    }
    func norm(_ input: ValueID, _ name: String) -> ValueID {
      declare(name, .norm, width)
      return append(RMSNorm(input: input, weight: name, span: width, epsilon: 1e-5))
    }
    func endBlock(_ name: String) {
      blocks.append(Block(name: name, statements: statements))
      statements = []
    }

    declare("embedding", .embedding, vocabularyCount, width)
    var hidden = append(Embed(ids: ValueID(0), table: "embedding", width: width))
    endBlock("embedding")
    for layer in 0..<2 {
      let name = "layers.\(layer)"
      let normed = norm(hidden, "\(name).input_norm")
      declare("\(name).attention.query", .attention, width, width)
      declare("\(name).attention.query_bias", .other, width)
      let projected = append(
        Linear(
          input: normed, weight: "\(name).attention.query", bias: "\(name).attention.query_bias", outputCount: width))
      hidden = append(Add(left: hidden, right: projected))
      let second = norm(hidden, "\(name).post_norm")
      hidden = append(
        Add(left: hidden, right: layer == 0 ? dense(second, "\(name).mlp") : mixture(second, "\(name).mlp")))
      endBlock(name)
    }
    hidden = norm(hidden, "final_norm")
    if !isTied { declare("head", .head, vocabularyCount, width) }
    _ = append(Head(input: hidden, weight: isTied ? "embedding" : "head", vocabularyCount: vocabularyCount))
    endBlock("head")
    return ModelGraph(
      architecture: "synthetic", vocabularyCount: vocabularyCount, contextLength: 16,
      inputs: [GraphInput(value: ValueID(0), sequence: "n")], parameters: parameters, blocks: blocks)

    func dense(_ input: ValueID, _ name: String) -> ValueID {
      declare("\(name).up", .mlp, expertWidth, width)
      declare("\(name).down", .mlp, width, expertWidth)
      let inner = append(Linear(input: input, weight: "\(name).up", outputCount: expertWidth))
      return append(Linear(input: inner, weight: "\(name).down", outputCount: width))
    }
    func mixture(_ input: ValueID, _ name: String) -> ValueID {
      declare("\(name).router", .router, expertCount, width)
      let experts = (0..<expertCount).map { ("experts.\($0)", ParameterRole.expert) }
      for (prefix, role) in experts + [("shared", .sharedExpert)] {
        declare("\(name).\(prefix).gate", role, expertWidth, width)
        declare("\(name).\(prefix).up", role, expertWidth, width)
        declare("\(name).\(prefix).down", role, width, expertWidth)
      }
      declare("\(name).shared_router", .router, 1, width)
      return append(
        Mixture(
          input: input, router: "\(name).router", experts: "\(name).experts", expertCount: expertCount,
          activeCount: activeCount, expertWidth: expertWidth, normalizesGates: false, function: .silu,
          shared: SharedExpert(name: "\(name).shared", width: expertWidth, router: "\(name).shared_router")))
    }
  }

  /// Weights are roughly normal, with one in a hundred ten times as large.
  func model(seed: UInt64 = 1) throws -> Model {
    let graph = graph
    var random = SplitMix64(seed: seed)
    var values: [String: ParameterValue] = [:]
    for parameter in graph.parameters {
      let weights = (0..<parameter.dimensions.reduce(1, *)).map { index in
        let sum = (0..<4).reduce(Float(-2)) { sum, _ in sum + random.nextUnitFloat() }
        return sum * (index % 100 == 7 ? 0.5 : 0.05)
      }
      values[parameter.name] = ParameterValue(
        encoding: .dense(type), storage: InMemoryBytes(DenseCodec.encode(weights.span, as: type)))
    }
    let model = Model(graph: graph, values: values, companions: Companions(), source: Source(files: []))
    try model.verify()
    return model
  }
}

extension Model {
  /// The weights of a parameter, by the oracle.
  func weights(_ name: String) -> [Float] {
    guard let value = values[name], let parameter = graph.parameter(named: name) else { return [] }
    return value.storage.withBytes {
      OracleDecoder.decode($0, encoding: value.encoding, shape: MatrixShape(dimensions: parameter.dimensions))
    }
  }

  func bytes(_ name: String) -> [UInt8] {
    values[name]?.storage.withBytes { span in span.indices.map { span[$0] } } ?? []
  }
}

/// Keeps everything in memory.
struct MemoryStore: PayloadStore {
  func store(_ bytes: [UInt8]) -> any ByteStorage { InMemoryBytes(bytes) }
}

extension PassStep {
  /// Steps of the standard catalog.
  static func steps(_ texts: [String]) throws -> [PassStep] {
    try texts.map { try PassStep(parsing: $0, catalog: .standard) }
  }
}
