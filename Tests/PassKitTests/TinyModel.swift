import Encodings
import ModelGraph
import ModelIR
import TensorCore

/// A model of linear layers: `embedding` (vocabulary, width), `layers.N.norm`, `layers.N.mlp` (width, width) and
/// `head`, with weights drawn from a seed.
enum TinyModel {
  static let vocabularyCount = 10

  static func graph(layerCount: Int, width: Int = 8) -> ModelGraph {
    var parameters: [ParameterDeclaration] = []
    var blocks: [Block] = []
    var next = 1
    func statement(_ operation: any GraphOperation) -> Statement {
      defer { next += 1 }
      return Statement(result: ValueID(next), operation: operation)
    }
    func declare(_ name: String, _ role: ParameterRole, _ dimensions: [Int]) -> String {
      parameters.append(ParameterDeclaration(name: name, role: role, dimensions: dimensions))
      return name
    }
    let table = declare("embedding", .embedding, [vocabularyCount, width])
    blocks.append(
      Block(name: "embedding", statements: [statement(Embed(ids: ValueID(0), table: table, width: width))]))
    for layer in 0..<layerCount {
      let norm = declare("layers.\(layer).norm", .norm, [width])
      let weight = declare("layers.\(layer).mlp", .mlp, [width, width])
      let input = ValueID(next - 1)
      let normed = statement(RMSNorm(input: input, weight: norm, span: width, epsilon: 1e-5))
      let output = statement(Linear(input: normed.result, weight: weight, outputCount: width))
      let sum = statement(Add(left: input, right: output.result))
      blocks.append(Block(name: "layers.\(layer)", statements: [normed, output, sum]))
    }
    let head = declare("head", .head, [vocabularyCount, width])
    blocks.append(
      Block(
        name: "head",
        statements: [statement(Head(input: ValueID(next - 1), weight: head, vocabularyCount: vocabularyCount))]))
    return ModelGraph(
      architecture: "tiny", vocabularyCount: vocabularyCount, contextLength: 16,
      inputs: [GraphInput(value: ValueID(0), sequence: "n")], parameters: parameters, blocks: blocks)
  }

  static func model(layerCount: Int, width: Int = 8, seed: UInt64 = 1) throws -> Model {
    let graph = graph(layerCount: layerCount, width: width)
    var random = SplitMix64(seed: seed)
    var values: [String: ParameterValue] = [:]
    for parameter in graph.parameters {
      let count = parameter.dimensions.reduce(1, *)
      let weights = (0..<count).map { _ in random.nextUnitFloat() * 2 - 1 }
      values[parameter.name] = ParameterValue(
        encoding: .dense(.f32), storage: InMemoryBytes(DenseCodec.encode(weights.span, as: .f32)))
    }
    let model = Model(graph: graph, values: values, companions: Companions(), source: Source(files: []))
    try model.verify()
    return model
  }
}

extension Model {
  /// The weights of a dense parameter.
  func weights(_ name: String) -> [Float] {
    guard let value = values[name], case .dense(let type) = value.encoding else { return [] }
    return value.storage.withBytes { DenseCodec.decode($0, as: type) }
  }
}
