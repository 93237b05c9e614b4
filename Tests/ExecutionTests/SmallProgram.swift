import DecodeKernels
import Encodings
import Execution
import ModelGraph
import Parallelism
import TensorCore

/// Matrices and vectors given as floats, by parameter name.
final class FloatOperators: OperatorSource {
  var matrices: [String: (shape: MatrixShape, elements: [Float])] = [:]
  var vectors: [String: [Float]] = [:]
  let context: KernelContext

  init(context: KernelContext) { self.context = context }

  func set(_ name: String, outputCount: Int, inputCount: Int, _ elements: [Float]) {
    matrices[name] = (MatrixShape(outputCount: outputCount, inputCount: inputCount), elements)
  }

  /// A seeded matrix of elements in −1…1.
  @discardableResult
  func randomize(_ name: String, outputCount: Int, inputCount: Int, seed: UInt64) -> [Float] {
    var generator = SplitMix64(seed: seed)
    let elements = (0..<outputCount * inputCount).map { _ in generator.nextUnitFloat() * 2 - 1 }
    set(name, outputCount: outputCount, inputCount: inputCount, elements)
    return elements
  }

  func linear(_ name: String) throws -> any LinearOperator {
    guard let (shape, elements) = matrices[name] else { throw MissingParameter(name: name) }
    let bytes = elements.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } }
    return try EncodedMatrix(encoding: .dense(.f32), shape: shape, storage: InMemoryBytes(bytes), context: context)
  }

  func vector(_ name: String) throws -> [Float] {
    guard let vector = vectors[name] else { throw MissingParameter(name: name) }
    return vector
  }
}

struct MissingParameter: Error, Equatable { let name: String }

/// A program over one embedded sequence whose last value can be read off: its head is the identity.
struct SmallProgram {
  let width: Int
  let tokenCount: Int
  /// The embedding table, (tokenCount, width): token t is row t.
  let table: [Float]
  let operators: FloatOperators
  let executor: Executor

  /// - Parameter body: writes the program after the embedding; returns the value to read.
  init(
    width: Int, outputWidth: Int? = nil, tokenCount: Int, chunkTokenCount: Int = 256, threadCount: Int = 2,
    _ body: (ValueID, inout Writer, FloatOperators) throws -> ValueID
  ) throws {
    let context = KernelContext(pool: WorkerPool(threadCount: threadCount))
    let operators = FloatOperators(context: context)
    let outputWidth = outputWidth ?? width
    let vocabularyCount = max(outputWidth, tokenCount)
    table = operators.randomize("table", outputCount: vocabularyCount, inputCount: width, seed: 1).map { $0 * 3 }
    operators.set("table", outputCount: vocabularyCount, inputCount: width, table)
    // Rows past the value's width are zero.
    var identity = [Float](repeating: 0, count: vocabularyCount * outputWidth)
    for index in 0..<outputWidth { identity[index * outputWidth + index] = 1 }
    operators.set("identity", outputCount: vocabularyCount, inputCount: outputWidth, identity)
    var writer = Writer()
    writer.block("embedding")
    let embedded = writer.add(Embed(ids: ValueID(0), table: "table", width: width))
    writer.block("body")
    let value = try body(embedded, &writer, operators)
    writer.block("head")
    _ = writer.add(Head(input: value, weight: "identity", vocabularyCount: vocabularyCount))
    self.width = outputWidth
    self.tokenCount = tokenCount
    self.operators = operators
    executor = try Executor(
      graph: try writer.graph(vocabularyCount: vocabularyCount, contextLength: 4_096), operators: operators,
      context: context, chunkTokenCount: chunkTokenCount)
  }

  /// The value's rows for tokens 0, 1, 2, … in order.
  func rows() throws -> [Float] {
    var rows: [Float] = []
    try executor.forward(Array(0..<tokenCount), cache: try executor.makeCache(), logits: .all) {
      rows += $1.extracting(0..<width).array
    }
    return rows
  }

  /// The embedded rows themselves.
  func embedded(width: Int) -> [Float] { Array(table[..<(tokenCount * width)]) }
}

/// y = x·Wᵀ in double precision.
func product(_ x: [Float], _ weight: [Float], outputCount: Int, inputCount: Int) -> [Float] {
  stride(from: 0, to: x.count, by: inputCount).flatMap { start in
    (0..<outputCount).map { output in
      Float((0..<inputCount).reduce(0.0) { $0 + Double(x[start + $1]) * Double(weight[output * inputCount + $1]) })
    }
  }
}
