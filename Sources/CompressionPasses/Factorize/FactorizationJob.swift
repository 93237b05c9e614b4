import DecodeKernels
import Encodings
import LinearAlgebra
import ModelIR
import PassKit
import TensorCore

/// The work on one matrix: its factorization, or that of what is missing from it.
struct FactorizationJob: Sendable {
  let assignment: EncodingAssignment
  let value: ParameterValue
  /// The value to come nearer to, for a correction (QERA, arXiv 2410.06040; EoRA, arXiv 2410.21271).
  let original: ParameterValue?
  let inputs: InputKnowledge
  let context: KernelContext

  struct Result: Sendable {
    let bytes: [UInt8]
    let weightError: WeightError
    let rank: Int
    /// Share of the energy of what was factorized that its rank cannot hold.
    let lostEnergy: Double
    /// tr(E·A·Eᵀ) / tr(W·A·Wᵀ) of the value as it is stored, A what the method weighs errors with.
    let outputError: Double
  }

  /// Bytes that the work on one matrix of `shape` takes at most: double precision throughout.
  /// - Parameter isCorrection: whether there is an original beside the present value.
  static func workingByteCount(of shape: MatrixShape, need: CalibrationNeed, isCorrection: Bool) -> Int {
    let whole = shape.elementCount, small = min(shape.outputCount, shape.inputCount)
    let metric = need == .gram ? shape.inputCount * shape.inputCount : 0
    // Weights and their image, the metric and its root, the square matrix, its eigenvectors and twice that for LAPACK.
    let eigen = 3 * whole + 2 * metric + 4 * small * small
    // Weights, image, the factors on their way to bytes or the value made of them, the error and its image.
    let error = (isCorrection ? 8 : 7) * whole + 2 * metric + small * small
    return max(eigen, error) * MemoryLayout<Double>.size
  }

  func run() throws -> Result {
    let (wanted, target) = try matrices()
    let factorization = try factorization(of: target)
    let bytes = try bytes(of: factorization)
    let stored = ParameterValue(encoding: assignment.after, storage: InMemoryBytes(bytes))
    let error = wanted - (try weights(of: stored))
    let whole = factorization.energies.reduce(0, +)
    let metric = InputMetric(inputs), energy = metric.energy(of: wanted)
    return Result(
      bytes: bytes,
      weightError: WeightError(
        squaredError: error.elements.reduce(0) { $0 + $1 * $1 },
        squaredNorm: wanted.elements.reduce(0) { $0 + $1 * $1 }),
      rank: rank, lostEnergy: whole > 0 ? factorization.energies.dropFirst(rank).reduce(0, +) / whole : 0,
      outputError: energy > 0 ? metric.energy(of: error) / energy : 0)
  }

  /// The singular values of the matrix, and its value at the planned rank.
  func survey(needsValue: Bool) throws -> (energies: [Double], value: [UInt8]?) {
    let factorization = try factorization(of: try matrices().target)
    return (factorization.energies, needsValue ? try bytes(of: factorization) : nil)
  }

  /// The matrix to come near to, and the one to be factorized.
  private func matrices() throws -> (wanted: Matrix, target: Matrix) {
    let present = try weights(of: value)
    guard let original else { return (present, present) }
    let wanted = try weights(of: original)
    return (wanted, wanted - present)
  }

  private func factorization(of target: Matrix) throws -> LowRankFactorization {
    guard let factorization = LowRankFactorization(of: target, metric: InputMetric(inputs)) else {
      throw PassError.statisticsNotFinite(parameter: assignment.parameter.name)
    }
    return factorization
  }

  /// The new value.
  private func bytes(of factorization: LowRankFactorization) throws -> [UInt8] {
    let (u, v) = factorization.factors(rank: rank)
    let parts = product.parts(of: assignment.shape)
    let factors = CompositeValue.bytes(
      of: product, shape: assignment.shape, parts: [try rounded(u, to: parts[0]), try rounded(v, to: parts[1])])
    guard case .sum = assignment.after else { return factors }
    let present = value.storage.withBytes { span in span.indices.map { span[$0] } }
    return CompositeValue.bytes(of: assignment.after, shape: assignment.shape, parts: [present, factors])
  }

  /// The encoding of the factors alone.
  private var product: Encoding {
    if case .sum(_, let product) = assignment.after { product } else { assignment.after }
  }

  private var rank: Int {
    guard case .lowRank(let rank, _, _) = product else { preconditionFailure("factors are planned") }
    return rank
  }

  /// The weights of a value in any encoding.
  /// - Throws: `PassError.weight` for the first that is not finite.
  private func weights(of value: ParameterValue) throws -> Matrix {
    let shape = assignment.shape
    let weights = try WeightMatrix.bind(
      encoding: value.encoding, shape: shape, storage: value.storage, context: context
    ).decoded()
    do throws(WeightFault) {
      try WeightFault.requireFinite(weights.span, rowElementCount: shape.inputCount)
    } catch {
      throw PassError.weight(parameter: assignment.parameter.name, error)
    }
    return Matrix(rowCount: shape.outputCount, columnCount: shape.inputCount, floats: weights)
  }

  private func rounded(_ factor: Matrix, to part: EncodingPart) throws -> [UInt8] {
    guard case .dense(let type) = part.encoding else { preconditionFailure("factors are planned dense") }
    do throws(WeightFault) {
      return try WeightFault.round(factor.floats.span, rowElementCount: factor.columnCount, to: type).bytes
    } catch {
      throw PassError.weight(parameter: assignment.parameter.name, error)
    }
  }
}

extension InputMetric {
  init(_ inputs: InputKnowledge) {
    switch inputs {
    case .none: self = .plain
    case .meanSquares(let means): self.init(activations: means)
    case .gram(let gram): self.init(whitening: gram)
    }
  }
}
