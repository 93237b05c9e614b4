import Encodings
import ModelGraph
import PassKit
import TensorCore

/// Replaces dense weights by integers of a few bits that share a scale per group, rounded to nearest.
///
/// The scale and zero point of each group are searched for the smallest squared error (``GroupedQuantizer``); no
/// calibration data is needed.
public struct Quantize: ParameterPass {
  public static let name = "quantize"
  public static let summary = "replace dense weights by integers of 2 to 8 bits that share a scale per group"
  public static let options = QuantizeOptions.declarations
  public static let details = """
    Every group of `group` consecutive weights of a row has its own scale and, unless `symmetric`, its own zero point,
    both searched for the smallest squared error. `group` must divide the rows of every tensor taken.

    `embedding` and `head` say the bits of these two wherever the pass takes them, by default or by targets; `bits` is
    for all others. Where the head multiplies by the embedding table there is one tensor: `embedding` governs it, and
    a `head` that says something else (other than its default) is refused.

    Routers and norms are taken only where a pattern names them, vectors such as biases never.
    """

  private let options: QuantizeOptions

  public init(_ values: OptionValues) throws(OptionConflict) { options = try QuantizeOptions(values) }

  public func plan(_ outline: inout OutlineEditor) throws(PassError) {
    let matched = try outline.matrices(targets: options.targets, moreRoles: [.embedding, .head])
    if outline.outline.graph.isTied, let table = matched.first(where: { $0.role == .embedding }) {
      try checkTiedHead(table, &outline)
    }
    let taken = matched.filter { bits(of: $0) > 0 }
    guard !taken.isEmpty else {
      throw .nothingToDo(
        why: "embedding=0 and head=0 leave out all that is still dense among the targets",
        fix: "give them bits, widen the targets, or remove this step")
    }
    try checkGroups(taken)
    for parameter in taken {
      outline.assign(
        .grouped(
          GroupedEncoding(
            bits: bits(of: parameter), groupElementCount: options.group, isSymmetric: options.isSymmetric)),
        to: parameter)
    }
  }

  public func encode(
    _ rows: Span<Float>, shape: MatrixShape, as encoding: Encoding
  ) throws(WeightFault) -> EncodedRows {
    guard case .grouped(let grouped) = encoding else { preconditionFailure("quantize plans grouped encodings only") }
    var quantizer = GroupedQuantizer(encoding: grouped, inputCount: shape.inputCount)
    var packer = GroupedPacker(
      encoding: grouped, inputCount: shape.inputCount, expectedRowCount: shape.outputCount)
    var squaredError = 0.0
    for row in 0..<shape.outputCount {
      let range = row * shape.inputCount..<(row + 1) * shape.inputCount
      squaredError += quantizer.quantizeRow(rows.extracting(range), into: &packer)
    }
    return EncodedRows(packer, squaredError: squaredError)
  }

  private func bits(of parameter: ParameterDeclaration) -> Int {
    switch parameter.role {
    case .embedding: options.embeddingBits
    case .head: options.headBits
    default: options.bits
    }
  }

  private func checkTiedHead(_ table: ParameterDeclaration, _ outline: inout OutlineEditor) throws(PassError) {
    guard options.headBits != options.embeddingBits else { return }
    // A canonical list spells the default out, so that its being written cannot count as a wish.
    guard QuantizeOptions.headOption.declaration.fallback == .value(.integer(options.headBits)) else {
      throw .tiedHead(parameter: table.name, embeddingBits: options.embeddingBits, headBits: options.headBits)
    }
    outline.note("the head multiplies by \(table.name), so embedding=\(options.embeddingBits) holds for both")
  }

  private func checkGroups(_ parameters: [ParameterDeclaration]) throws(PassError) {
    let rows = parameters.map {
      PassError.RowLength(parameter: $0.name, elementCount: MatrixShape(dimensions: $0.dimensions).inputCount)
    }
    let offending = rows.filter { $0.elementCount % options.group != 0 }
    guard !offending.isEmpty else { return }
    let common = rows.reduce(0) { Self.greatestCommonDivisor($0, $1.elementCount) }
    let divisor = (1...min(options.group, common)).last { common % $0 == 0 } ?? 1
    throw .groupDoesNotDivide(group: options.group, rows: offending, largestDivisor: divisor)
  }

  private static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? a : greatestCommonDivisor(b, a % b)
  }
}
