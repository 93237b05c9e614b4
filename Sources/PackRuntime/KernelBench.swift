import DecodeKernels
import Diagnostics
import Encodings
import Metrics
import TensorCore

/// Products of matrices with vectors, measured through the operator that models are run with.
///
/// Of each matrix there are as many copies, one after the other in memory, as take a given number of bytes: more than
/// the caches, so that weights come from memory as those of a large model do. Rounds over the encodings take turns, so
/// that what else the machine does meets all of them.
public struct KernelBench: Sendable {
  /// What a matrix holds.
  public enum Weights: Sendable {
    /// Any value in an encoding without ternary parts: kernels take the same time for all of them.
    case encoding(Encoding)
    /// Independent random symbols with this share of zeros, and one level.
    case ternary(zeroShare: Double)

    var name: String {
      switch self {
      case .encoding(let encoding): encoding.text
      case .ternary(let zeroShare): "ternary, \(NumberText.fixed(100 * zeroShare, 1)) % zeros"
      }
    }
  }

  /// Vectors multiplied at a time.
  let tokenCount: Int
  let byteCount: Int
  let roundCount: Int
  let context: KernelContext

  /// Most bytes that the copies of a matrix can be asked to take: 16 GiB.
  public static let largestByteCount = 1 << 34
  /// Most copies of a matrix, however small it is.
  static let largestCopyCount = 1 << 16

  /// - Parameters:
  ///   - tokenCount: vectors multiplied at a time.
  ///   - byteCount: what the copies of a matrix take at least, in each kind of weights, where 2^16 copies take as much;
  ///     at most ``largestByteCount``.
  ///   - roundCount: rounds that count; one before them does not.
  public init(tokenCount: Int, byteCount: Int, roundCount: Int, context: KernelContext) {
    precondition(tokenCount > 0 && roundCount > 0 && byteCount <= Self.largestByteCount)
    self.tokenCount = tokenCount
    self.byteCount = byteCount
    self.roundCount = roundCount
    self.context = context
  }

  /// Measures matrices of each shape with each kind of weights.
  /// - Throws: `KernelError` when an encoding does not accept a shape.
  public func report(shapes: [MatrixShape], of kinds: [Weights]) throws(KernelError) -> KernelBenchReport {
    var lines: [KernelBenchReport.Line] = []
    for shape in shapes { lines += try measure(shape, kinds) }
    return KernelBenchReport(
      lines: lines, tokenCount: tokenCount, threadCount: context.pool.threadCount,
      instructionSet: context.instructionSet)
  }

  private func measure(_ shape: MatrixShape, _ kinds: [Weights]) throws(KernelError) -> [KernelBenchReport.Line] {
    var sets: [MatrixCopies] = []
    for weights in kinds { sets.append(try copies(of: weights, shape)) }
    var random = SplitMix64(seed: 2)
    let x = (0..<tokenCount * shape.inputCount).map { _ in random.nextUnitFloat() - 0.5 }
    var y = [Float](repeating: 0, count: tokenCount * shape.outputCount)
    // For each kind of weights the seconds that a product with one copy takes, in every round.
    var seconds = [[Double]](repeating: [], count: sets.count)
    for round in 0...roundCount {
      for (index, copies) in sets.enumerated() {
        let start = ContinuousClock.now
        for matrix in copies.matrices {
          var span = y.mutableSpan
          matrix.apply(x.span, tokenCount: tokenCount, into: &span)
        }
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        if round > 0 { seconds[index].append(elapsed / Double(copies.matrices.count)) }
      }
    }
    return kinds.indices.map { index in
      let copies = sets[index], median = Percentiles(of: seconds[index]).value(at: 0.5)
      return KernelBenchReport.Line(
        shape: shape, name: kinds[index].name, encoding: copies.encoding, copyCount: copies.matrices.count,
        byteCount: copies.matrices.count * copies.byteCount,
        bitsPerWeight: 8 * Double(copies.byteCount) / Double(shape.elementCount),
        weightsPerSecond: Double(shape.elementCount) / median, bytesPerSecond: Double(copies.byteCount) / median,
        speedup: Percentiles(of: zip(seconds[0], seconds[index]).map { $0 / $1 }).value(at: 0.5))
    }
  }

  private struct MatrixCopies {
    let encoding: Encoding
    /// Of one copy.
    let byteCount: Int
    let matrices: [WeightMatrix]
  }

  private func copies(of weights: Weights, _ shape: MatrixShape) throws(KernelError) -> MatrixCopies {
    let (encoding, value) = try value(of: weights, shape)
    let stride = (value.count + 63) / 64 * 64
    let count = min(max(1, (byteCount + stride - 1) / stride), Self.largestCopyCount)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count * stride)
    for index in 0..<count {
      bytes += value
      bytes.append(contentsOf: repeatElement(0, count: (index + 1) * stride - bytes.count))
    }
    let storage = InMemoryBytes(bytes)
    var matrices: [WeightMatrix] = []
    for index in 0..<count {
      let slice = ByteSlice(storage, index * stride..<index * stride + value.count)
      matrices.append(try .bind(encoding: encoding, shape: shape, storage: slice, context: context))
    }
    return MatrixCopies(encoding: encoding, byteCount: value.count, matrices: matrices)
  }

  private func value(of weights: Weights, _ shape: MatrixShape) throws(KernelError) -> (Encoding, [UInt8]) {
    switch weights {
    case .encoding(let encoding):
      guard encoding.accepts(shape) else { throw .shapeNotAccepted(encoding, shape) }
      // Two bits of each byte are such that every floating-point type reads a number that is neither tiny nor huge:
      // with such ones processors take longer.
      var random = SplitMix64(seed: 1)
      let bytes = (0..<encoding.byteCount(of: shape)).map { _ in
        UInt8(truncatingIfNeeded: random.next() >> 60) | 0x30
      }
      return (encoding, bytes)
    case .ternary(let zeroShare):
      let symbols = TernaryCodeComparison.randomSymbols(zeroShare: zeroShare, count: shape.elementCount, seed: 1)
      let value = TernaryPacker.pack(symbols: symbols.span, shape: shape, levels: [0.5].span, kind: .matrix)
      return (.ternary(value.encoding), value.bytes)
    }
  }
}
