import DecodeKernels
import Encodings
import Execution
import ModelGraph
import TensorCore

/// The parameters of a pack for a task: routers have the rows of its experts only.
struct TaskOperators: OperatorSource {
  let pack: any OperatorSource
  /// By parameter, the rows that are left, ascending.
  let rows: [String: [Int]]
  let context: KernelContext

  func linear(_ name: String) throws -> any LinearOperator {
    let whole = try pack.linear(name)
    guard let rows = rows[name], rows.count < whole.shape.outputCount else { return whole }
    let width = whole.shape.inputCount
    var weights = [Float](repeating: 0, count: rows.count * width)
    var span = weights.mutableSpan
    for (place, row) in rows.enumerated() {
      var part = span._mutatingExtracting(place * width..<(place + 1) * width)
      whole.decodeRow(row, into: &part)
    }
    return try WeightMatrix.bind(
      encoding: .dense(.f32), shape: MatrixShape(outputCount: rows.count, inputCount: width),
      storage: InMemoryBytes(DenseCodec.encode(weights.span, as: .f32)), context: context)
  }

  func vector(_ name: String) throws -> [Float] { try pack.vector(name) }

  func experts(of mixture: Mixture) throws -> any ExpertOperators { try pack.experts(of: mixture) }
}
