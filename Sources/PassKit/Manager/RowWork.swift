import Encodings
import ModelGraph
import ModelIR
import Parallelism
import TensorCore

/// Rows of one parameter that one thread deals with at a time.
struct RowChunk {
  /// Position of the parameter in the list the chunks were cut from.
  let parameter: Int
  let rows: Range<Int>
  let shape: MatrixShape
  let isLast: Bool

  var elementCount: Int { rows.count * shape.inputCount }

  /// Elements in a chunk: enough to make handing it out cheap, few enough to stay in a core's cache.
  private static let targetElementCount = 1 << 16
  /// Elements dealt with between two looks at progress and cancellation; bounds what is in flight.
  private static let waveElementCount = 1 << 22

  /// Cuts matrices into chunks, in order. The cuts depend on the shapes only, so that sums over chunks are the same
  /// on any number of threads.
  static func cut(_ shapes: [MatrixShape]) -> [RowChunk] {
    shapes.enumerated().flatMap { index, shape in
      let rowCount = max(1, targetElementCount / shape.inputCount)
      return stride(from: 0, to: shape.outputCount, by: rowCount).map { first in
        let rows = first..<min(shape.outputCount, first + rowCount)
        return RowChunk(parameter: index, rows: rows, shape: shape, isLast: rows.upperBound == shape.outputCount)
      }
    }
  }

  /// Cuts chunks into waves that are in flight together.
  static func waves(of chunks: [RowChunk]) -> [ArraySlice<RowChunk>] {
    var waves: [ArraySlice<RowChunk>] = []
    var start = 0, elementCount = 0
    for (index, chunk) in chunks.enumerated() {
      elementCount += chunk.elementCount
      if elementCount >= waveElementCount || index == chunks.count - 1 {
        waves.append(chunks[start...index])
        (start, elementCount) = (index + 1, 0)
      }
    }
    return waves
  }

  /// The chunk's bytes within a dense value of `type`.
  func byteRange(of type: ElementType) -> Range<Int> {
    let rowByteCount = shape.inputCount * type.byteCount
    return rows.lowerBound * rowByteCount..<rows.upperBound * rowByteCount
  }

  /// The weights of the chunk, all finite.
  /// - Throws: `WeightFault` for the first that is not, with its row counted within the whole matrix.
  func finiteWeights(of storage: any ByteStorage, type: ElementType) throws(WeightFault) -> [Float] {
    let weights = storage.withBytes(byteRange(of: type)) { DenseCodec.decode($0, as: type) }
    try WeightFault.requireFinite(weights.span, rowElementCount: shape.inputCount, firstRow: rows.lowerBound)
    return weights
  }
}

extension ParameterPass {
  /// Encodes the planned parameters of the block, cut by rows among all threads.
  public func run(on block: BlockEditor) throws -> PreservedAnalyses {
    try encodeRows(of: block.assignments, in: block)
    return .none
  }

  /// Encodes some of the planned parameters of the block, which must be dense, cut by rows among all threads.
  public func encodeRows(of assignments: [EncodingAssignment], in block: BlockEditor) throws {
    let sources = assignments.map { block.value(of: $0.parameter) }
    var assembly: EncodedRows?
    var squaredNorm = 0.0
    for wave in RowChunk.waves(of: RowChunk.cut(assignments.map(\.shape))) {
      let encoded = try block.pool.map(wave.count) { offset in
        let chunk = wave[wave.startIndex + offset]
        return try encode(chunk, of: sources[chunk.parameter].storage, for: assignments[chunk.parameter])
      }
      var byteCount = 0
      for (chunk, part) in zip(wave, encoded) {
        let assignment = assignments[chunk.parameter]
        assembly = assembly ?? EncodedRows(roomFor: chunk.shape, in: assignment.after)
        assembly?.append(part.rows)
        squaredNorm += part.squaredNorm
        let source = chunk.byteRange(of: assignment.sourceType)
        sources[chunk.parameter].storage.release(source)
        byteCount += source.count
        guard chunk.isLast, let whole = assembly.take() else { continue }
        let error = WeightError(squaredError: whole.squaredError, squaredNorm: squaredNorm)
        try block.replace(assignment, with: whole.finish(), error: error)
        squaredNorm = 0
      }
      try block.advance(by: byteCount)
    }
  }

  private func encode(
    _ chunk: RowChunk, of storage: any ByteStorage, for assignment: EncodingAssignment
  ) throws -> (rows: EncodedRows, squaredNorm: Double) {
    do throws(WeightFault) {
      let weights = try chunk.finiteWeights(of: storage, type: assignment.sourceType)
      let shape = MatrixShape(outputCount: chunk.rows.count, inputCount: chunk.shape.inputCount)
      var squaredNorm = 0.0
      for weight in weights { squaredNorm += Double(weight) * Double(weight) }
      return (try encode(weights.span, shape: shape, as: assignment.after), squaredNorm)
    } catch {
      throw PassError.weight(parameter: assignment.parameter.name, error)
    }
  }
}

extension EncodingAssignment {
  /// The type of the dense value that a parameter pass starts from.
  fileprivate var sourceType: ElementType {
    guard case .dense(let type) = before else { preconditionFailure("a parameter pass takes dense values") }
    return type
  }
}
