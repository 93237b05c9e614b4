@testable import CompressionPasses
import Encodings
import LinearAlgebra
import Parallelism
import PassKit
import TensorCore
import Testing

@Suite struct RoundingTests {
  private let pool = WorkerPool(threadCount: 1)
  private let shape = MatrixShape(outputCount: 40, inputCount: 96)

  private func grouped(_ bits: Int, _ group: Int = 32, symmetric: Bool = false) -> Encoding {
    .grouped(GroupedEncoding(bits: bits, groupElementCount: group, isSymmetric: symmetric))
  }

  private func decoded(_ value: EncodedMatrixValue, _ encoding: Encoding, _ shape: MatrixShape) -> [Float] {
    OracleDecoder.decode(value.bytes.span, encoding: encoding, shape: shape)
  }

  private func encode(
    _ weights: [Float], to encoding: Encoding, _ inputs: InputKnowledge, _ method: MatrixEncoder.Method = .gptq,
    order: MatrixEncoder.ColumnOrder = .activation, sweepCount: Int = 0, masks: [UInt16]? = nil,
    shape: MatrixShape? = nil
  ) throws -> EncodedMatrixValue {
    try MatrixEncoder(method: method, order: order, sweepCount: sweepCount)
      .encode(weights, shape: shape ?? self.shape, to: encoding, inputs: inputs, masks: masks, pool: pool)
  }

  @Test(arguments: MatrixEncoder.ColumnOrder.allCases, [2, 3, 4])
  func theLoopIsThatOfTheTextbook(order: MatrixEncoder.ColumnOrder, bits: Int) throws {
    let gram = RandomInputs.gram(width: 96, tokenCount: 400, seed: 1)
    let weights = RandomInputs.weights(shape, seed: 2)
    let value = try encode(weights, to: grouped(bits), .gram(gram), order: order)
    let textbook = TextbookGPTQ(
      encoding: GroupedEncoding(bits: bits, groupElementCount: 32, isSymmetric: false), gram: gram, damping: 0.01,
      isByActivation: order == .activation)
    #expect(decoded(value, grouped(bits), shape) == textbook.round(weights, shape))
  }

  @Test(arguments: MatrixEncoder.ColumnOrder.allCases, [2, 4, 8])
  func inputsThatHaveNothingToDoWithOneAnotherMeanPlainRounding(order: MatrixEncoder.ColumnOrder, bits: Int) throws {
    let weights = RandomInputs.weights(shape, seed: 3)
    let feedback = try encode(weights, to: grouped(bits), .gram(RandomInputs.evenGram(width: 96)), order: order)
    let plain = try encode(weights, to: grouped(bits), .none, .rtn)
    #expect(feedback.bytes == plain.bytes)
    var packer = GroupedPacker(
      encoding: GroupedEncoding(bits: bits, groupElementCount: 32, isSymmetric: false), inputCount: 96)
    var quantizer = GroupedQuantizer(encoding: packer.encoding, inputCount: 96)
    for row in 0..<40 { _ = quantizer.quantizeRow(weights.span.extracting(row * 96..<(row + 1) * 96), into: &packer) }
    #expect(plain.bytes == packer.finish())
  }

  @Test(arguments: MatrixEncoder.Method.allCases, [0, 2])
  func theReportedErrorsAreThoseOfTheDecodedWeights(method: MatrixEncoder.Method, sweepCount: Int) throws {
    let gram = RandomInputs.gram(width: 96, tokenCount: 400, seed: 1)
    let weights = RandomInputs.weights(shape, seed: 4)
    let pattern = SparsePattern(kept: 2, group: 4)
    for encoding in [
      grouped(3), grouped(4, 96, symmetric: true), .dense(.bf16), .sparse(pattern, values: .dense(.f16)),
      .sparse(pattern, values: grouped(4, 16)),
    ] {
      let value = try encode(weights, to: encoding, .gram(gram), method, sweepCount: sweepCount)
      let new = decoded(value, encoding, shape)
      let trace = outputError(weights, new, shape, gram)
      #expect(abs(value.outputError - trace) <= 1e-4 * trace, "\(encoding.text)")
      let squares = zip(weights, new).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
      #expect(abs(value.squaredError - squares) <= 1e-4 * squares, "\(encoding.text)")
      let diagonal = try encode(weights, to: encoding, .meanSquares(gram.meanSquares), method)
      let diagonalTrace = zip(weights, decoded(diagonal, encoding, shape)).enumerated().reduce(0.0) {
        let error = Double($1.element.0 - $1.element.1)
        return $0 + Double(gram.meanSquares[$1.offset % 96]) * error * error
      }
      #expect(abs(diagonal.outputError - diagonalTrace) <= 1e-4 * diagonalTrace, "\(encoding.text)")
    }
  }

  @Test(arguments: [2, 3, 4], [false, true])
  func feedbackBeatsWeightsBeatPlainRounding(bits: Int, isSymmetric: Bool) throws {
    let shape = MatrixShape(outputCount: 128, inputCount: 256)
    let gram = RandomInputs.gram(width: 256, tokenCount: 1_000, seed: 5)
    let weights = RandomInputs.weights(shape, seed: 6)
    let encoding = grouped(bits, 64, symmetric: isSymmetric)
    let errors = try MatrixEncoder.Method.allCases.map {
      try encode(weights, to: encoding, .gram(gram), $0, shape: shape).outputError
    }
    #expect(errors[1] < 0.99 * errors[0] && errors[2] < 0.3 * errors[1], "\(errors)")
    let refined = try encode(weights, to: encoding, .gram(gram), sweepCount: 2, shape: shape)
    #expect(refined.outputError < 0.97 * errors[2], "\(refined.outputError) \(errors)")
  }

  @Test func placesChosenWithFeedbackBeatThoseByWeight() throws {
    let gram = RandomInputs.gram(width: 96, tokenCount: 800, seed: 5)
    let weights = RandomInputs.weights(shape, seed: 6)
    let encoding = Encoding.sparse(SparsePattern(kept: 2, group: 4), values: .dense(.bf16))
    let errors = try MatrixEncoder.Method.allCases.map {
      try encode(weights, to: encoding, .gram(gram), $0, sweepCount: 0).outputError
    }
    #expect(errors[1] < 0.95 * errors[0] && errors[2] < 0.5 * errors[1], "\(errors)")
    let chosenAnew = try encode(weights, to: encoding, .gram(gram), sweepCount: 2).outputError
    #expect(chosenAnew < 0.8 * errors[2], "\(chosenAnew) \(errors)")
  }

  @Test(arguments: [(1, 2), (2, 4), (3, 8), (8, 16), (5, 12)])
  func everyPatternIsKept(kept: Int, group: Int) throws {
    let pattern = SparsePattern(kept: kept, group: group)
    let gram = RandomInputs.gram(width: 96, tokenCount: 200, seed: 7)
    let weights = RandomInputs.weights(shape, seed: 8)
    for method in MatrixEncoder.Method.allCases {
      let values: [Encoding] = [.dense(.f32), grouped(8, kept)]
      for encoding in values.map({ Encoding.sparse(pattern, values: $0) }) {
        let value = try encode(weights, to: encoding, .gram(gram), method, sweepCount: 1)
        let new = decoded(value, encoding, shape)
        for first in stride(from: 0, to: new.count, by: group) {
          #expect(new[first..<first + group].count { $0 != 0 } <= kept)
        }
        guard method == .rtn else { continue }
        // By magnitude: what is kept is near to what it was, and larger than what is not.
        for first in stride(from: 0, to: new.count, by: group) {
          let sorted = weights[first..<first + group].map(abs).sorted(by: >)
          for index in first..<first + group where new[index] != 0 { #expect(abs(weights[index]) >= sorted[kept - 1]) }
        }
      }
    }
  }

  @Test func givenPlacesStay() throws {
    let pattern = SparsePattern(kept: 2, group: 4)
    let gram = RandomInputs.gram(width: 96, tokenCount: 200, seed: 7)
    var random = SplitMix64(seed: 9)
    let masks = (0..<40 * 24).map { _ in pattern.masks[Int(random.next() % 6)] }
    let encoding = Encoding.sparse(pattern, values: grouped(4, 16))
    let value = try encode(
      RandomInputs.weights(shape, seed: 8), to: encoding, .gram(gram), sweepCount: 2, masks: masks)
    let places = value.bytes.span.extracting(0..<pattern.placesByteCount(of: shape))
    #expect(pattern.masks(of: places, shape: shape) == masks)
  }

  /// Against the same two steps one after the other, each as good as it can be.
  @Test func placesAndCodesTogetherBeatOneAfterTheOther() throws {
    let pattern = SparsePattern(kept: 2, group: 4)
    let shape = MatrixShape(outputCount: 128, inputCount: 256)
    let gram = RandomInputs.gram(width: 256, tokenCount: 1_000, seed: 10)
    let weights = RandomInputs.weights(shape, seed: 11)
    let encoding = Encoding.sparse(pattern, values: grouped(4))
    let together = try encode(weights, to: encoding, .gram(gram), sweepCount: 2, shape: shape)
    let dense = Encoding.sparse(pattern, values: .dense(.bf16))
    let sparse = try encode(weights, to: dense, .gram(gram), sweepCount: 2, shape: shape)
    let masks = pattern.masks(of: sparse.bytes.span.extracting(0..<pattern.placesByteCount(of: shape)), shape: shape)
    let after = try encode(
      decoded(sparse, dense, shape), to: encoding, .gram(gram), sweepCount: 2, masks: masks, shape: shape)
    let apart = outputError(weights, decoded(after, encoding, shape), shape, gram)
    #expect(together.outputError < 0.99 * apart, "\(together.outputError) \(apart)")
  }

  @Test func fewerTokensThanInputsWork() throws {
    let gram = RandomInputs.gram(width: 96, tokenCount: 10, seed: 12)
    let weights = RandomInputs.weights(shape, seed: 13)
    let value = try encode(weights, to: grouped(4), .gram(gram), sweepCount: 2)
    let plain = try encode(weights, to: grouped(4), .gram(gram), .imatrix)
    #expect(!value.lacksFeedback && value.outputError < 0.2 * plain.outputError)
    #expect(decoded(value, grouped(4), shape).allSatisfy { $0.isFinite })
  }

  @Test func withoutTokensItIsPlainRounding() throws {
    let weights = RandomInputs.weights(shape, seed: 13)
    let plain = try encode(weights, to: grouped(4), .none, .rtn)
    for gram in [Gram(width: 96), Gram(Matrix(rowCount: 96, columnCount: 96), tokenCount: 5)] {
      for method in [MatrixEncoder.Method.imatrix, .gptq] {
        let value = try encode(weights, to: grouped(4), .gram(gram), method)
        #expect(value.bytes == plain.bytes && !value.lacksFeedback)
      }
    }
  }

  /// Inputs that are always zero: whatever happens to their weights, the others are as if they were not there.
  @Test func deadColumnsDisturbNothing() throws {
    let dead = [3, 40, 95]
    var matrix = RandomInputs.gram(width: 96, tokenCount: 300, seed: 14).matrix
    for column in dead { for other in 0..<96 { (matrix[column, other], matrix[other, column]) = (0, 0) } }
    let gram = Gram(matrix, tokenCount: 300)
    let weights = RandomInputs.weights(shape, seed: 15)
    let value = try encode(weights, to: .dense(.bf16), .gram(gram))
    var changed = weights
    for row in 0..<40 { for column in dead { changed[row * 96 + column] = 7 } }
    let other = try encode(changed, to: .dense(.bf16), .gram(gram))
    let pairs = zip(decoded(value, .dense(.bf16), shape), decoded(other, .dense(.bf16), shape)).enumerated()
    for (index, pair) in pairs where !dead.contains(index % 96) { #expect(pair.0 == pair.1) }
    let refined = try encode(weights, to: grouped(4), .gram(gram), sweepCount: 2)
    #expect(refined.outputError.isFinite)
  }

  /// A matrix that no sum of squares is: no ridge of a hundredth or a tenth helps it.
  @Test func withoutAFactorItIsRoundedPlainlyAndSaysSo() throws {
    var matrix = RandomInputs.evenGram(width: 96).matrix
    (matrix[0, 1], matrix[1, 0]) = (1_000, 1_000)
    let weights = RandomInputs.weights(shape, seed: 16)
    let value = try encode(weights, to: grouped(4), .gram(Gram(matrix, tokenCount: 1)))
    #expect(value.lacksFeedback)
    let plain = try encode(weights, to: grouped(4), .none, .rtn)
    #expect(value.bytes == plain.bytes)
  }

  @Test func aValueThatTheTypeCannotHoldIsNamed() throws {
    var weights = RandomInputs.weights(shape, seed: 17)
    weights[96 * 33 + 5] = 1e6
    let fault = try #require(throws: WeightFault.self) {
      try encode(weights, to: .sparse(SparsePattern(kept: 2, group: 4), values: .dense(.f16)), .none, .rtn)
    }
    #expect(fault == WeightFault(kind: .tooLarge(for: .f16), row: 33, column: 5, value: 1e6))
  }

  /// 200 rows are four tiles.
  @Test func theThreadCountNeverChangesTheBytes() throws {
    let shape = MatrixShape(outputCount: 200, inputCount: 96)
    let gram = RandomInputs.gram(width: 96, tokenCount: 300, seed: 18)
    let weights = RandomInputs.weights(shape, seed: 19)
    for encoding in [grouped(3), .sparse(SparsePattern(kept: 4, group: 8), values: grouped(4, 16))] {
      let values = try [1, 3].map {
        try MatrixEncoder(method: .gptq).encode(
          weights, shape: shape, to: encoding, inputs: .gram(gram), pool: WorkerPool(threadCount: $0))
      }
      #expect(values[0].bytes == values[1].bytes && values[0].outputError == values[1].outputError)
    }
  }
}
