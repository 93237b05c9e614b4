import Encodings
import ModelGraph
import ModelIR
import Parallelism
import TensorCore

extension Model {
  /// Checks that the weights no pass has rewritten are finite; passes check what they read themselves.
  /// - Parameter isCancelled: asked every few million weights.
  /// - Throws: `PassError.weight` naming tensor, row and column of the first NaN or infinity in the graph's order, or
  ///   `PassError.cancelled`.
  public func requireFiniteUntouchedWeights(pool: WorkerPool, isCancelled: () -> Bool = { false }) throws {
    let untouched: [(name: String, shape: MatrixShape, type: ElementType, storage: any ByteStorage)] =
      graph.parameters.compactMap { parameter in
        guard let value = values[parameter.name], value.history.isEmpty, case .dense(let type) = value.encoding else {
          return nil
        }
        return (parameter.name, MatrixShape(dimensions: parameter.dimensions), type, value.storage)
      }
    for wave in RowChunk.waves(of: RowChunk.cut(untouched.map(\.shape))) {
      if isCancelled() { throw PassError.cancelled }
      let faults = try pool.map(wave.count) { offset -> PassError? in
        let chunk = wave[wave.startIndex + offset]
        let source = untouched[chunk.parameter]
        do throws(WeightFault) {
          _ = try chunk.finiteWeights(of: source.storage, type: source.type)
          return nil
        } catch {
          return .weight(parameter: source.name, error)
        }
      }
      for chunk in wave {
        let source = untouched[chunk.parameter]
        source.storage.release(chunk.byteRange(of: source.type))
      }
      if let fault = faults.lazy.compactMap(\.self).first { throw fault }
    }
  }
}
