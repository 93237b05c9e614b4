import DecodeKernels
import Encodings
import LinearAlgebra
import Parallelism
import TensorCore
import Testing

@testable import CompressionPasses

@Suite struct TrellisRounderTests {
  private func normal(_ count: Int, seed: UInt64) -> [Float] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in (0..<12).reduce(Float(-6)) { sum, _ in sum + random.nextUnitFloat() } }
  }

  /// Σ x·xᵀ of inputs whose neighbours go together.
  private func gram(width: Int) -> Gram {
    let tokenCount = 4 * width
    var inputs = normal(tokenCount * width, seed: 5)
    for token in 0..<tokenCount {
      for column in 1..<width { inputs[token * width + column] += 0.9 * inputs[token * width + column - 1] }
    }
    var gram = Gram(width: width)
    gram.add(inputs.span, tokenCount: tokenCount, pool: WorkerPool(threadCount: 1))
    return gram
  }

  private func outputError(_ decoded: [Float], _ weights: [Float], _ gram: Gram, rowCount: Int) -> Double {
    let width = gram.width
    var sum = 0.0
    for row in 0..<rowCount {
      let errors = (0..<width).map { Double(decoded[row * width + $0]) - Double(weights[row * width + $0]) }
      for column in 0..<width {
        sum += errors[column] * (0..<width).reduce(0.0) { $0 + gram.matrix[column, $1] * errors[$1] }
      }
    }
    return sum / Double(gram.tokenCount)
  }

  /// What the encoder reports is what a reader sees, on one thread as on three, for tiles whole and broken; and with
  /// feedback the output changes far less than without, and less than with as many bits in groups.
  @Test(arguments: [16, 100, 128, 150])
  func feedbackWorksThroughTheTrellis(rowCount: Int) throws {
    let width = 64, gram = gram(width: width)
    let shape = MatrixShape(outputCount: rowCount, inputCount: width)
    let weights = normal(rowCount * width, seed: 6).map { $0 * 0.02 }
    func encode(_ encoding: Encoding, _ method: MatrixEncoder.Method, threads: Int = 1) throws -> EncodedMatrixValue {
      try MatrixEncoder(method: method).encode(
        weights, shape: shape, to: encoding, inputs: .gram(gram), pool: WorkerPool(threadCount: threads))
    }
    for bits in 2...3 {
      let encoding = Encoding.trellis(TrellisEncoding(bits: bits))
      let value = try encode(encoding, .gptq)
      #expect(try encode(encoding, .gptq, threads: 3).bytes == value.bytes)
      let decoded = OracleDecoder.decode(value.bytes.span, encoding: encoding, shape: shape)
      let error = outputError(decoded, weights, gram, rowCount: rowCount)
      #expect(abs(value.outputError / error - 1) < 1e-3)
      #expect(try error < 0.5 * encode(encoding, .rtn).outputError)
      let grouped = Encoding.grouped(GroupedEncoding(bits: bits, groupElementCount: 64, isSymmetric: false))
      if rowCount >= 100 { #expect(try error < 0.8 * encode(grouped, .gptq).outputError) }
    }
  }

  /// Rows of zeros stay zeros, and rows too large or small for a float16 scale end in finite numbers.
  @Test func extremeRows() throws {
    let width = 32, shape = MatrixShape(outputCount: 20, inputCount: width)
    var weights = normal(20 * width, seed: 7)
    for column in 0..<width {
      weights[column] = 0
      weights[width + column] *= 1e30
      weights[2 * width + column] *= 1e-30
    }
    let encoding = Encoding.trellis(TrellisEncoding(bits: 2))
    let value = try MatrixEncoder(method: .rtn).encode(
      weights, shape: shape, to: encoding, inputs: .none, pool: WorkerPool(threadCount: 1))
    let decoded = OracleDecoder.decode(value.bytes.span, encoding: encoding, shape: shape)
    #expect(decoded.allSatisfy { $0.isFinite })
    #expect(decoded[..<width].allSatisfy { $0 == 0 } && decoded[(2 * width)..<(3 * width)].allSatisfy { $0 == 0 })
  }
}
