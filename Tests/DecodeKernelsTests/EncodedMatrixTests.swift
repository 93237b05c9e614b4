import DecodeKernels
import Encodings
import Parallelism
import TensorCore
import Testing

@Suite struct EncodedMatrixTests {
  private static let pool = WorkerPool(threadCount: 2)

  private func matrix(
    _ sample: SampleMatrix, _ isa: InstructionSet, pool: WorkerPool = Self.pool
  ) throws -> WeightMatrix { try sample.bound(to: isa, pool: pool) }

  /// The sum of rounding errors of `inputCount` products stays far below 1e-6 of the sum of their magnitudes; a single
  /// code read from the wrong place does not.
  private func expectProduct(_ sample: SampleMatrix, _ isa: InstructionSet, tokenCount: Int) throws {
    let x = sample.inputs(tokenCount: tokenCount)
    let y = (try matrix(sample, isa)).product(of: x, tokenCount: tokenCount)
    let expected = sample.product(x, tokenCount: tokenCount)
    let worst = zip(y, expected).map { abs(Double($0) - $1.value) / ($1.magnitude + 1e-30) }.max()!
    #expect(worst <= 1e-6, "\(sample.encoding.text) \(sample.shape) × \(tokenCount) on \(isa): \(worst)")
    #expect(!y.contains { !$0.isFinite })
  }

  @Test(arguments: InstructionSet.supported, [1, 2, 3, 33, 63, 64, 65, 96, 128, 192, 1_088])
  func productsAgreeWithTheOracle(isa: InstructionSet, inputCount: Int) throws {
    for (index, encoding) in SampleMatrix.encodings(inputCount: inputCount).enumerated() {
      let sample = SampleMatrix(encoding, outputCount: 7, inputCount: inputCount, seed: UInt64(index))
      for tokenCount in [1, 2, 5, 50] { try expectProduct(sample, isa, tokenCount: tokenCount) }
    }
  }

  @Test(arguments: InstructionSet.supported, [1, 2, 3, 4, 5, 6, 7, 8, 13, 47, 48, 53, 64, 127, 128, 129, 141])
  func everyTileOfTokensAndRowsIsRight(isa: InstructionSet, tokenCount: Int) throws {
    let grouped = GroupedEncoding(bits: 5, groupElementCount: 32, isSymmetric: false)
    for outputCount in tokenCount < 48 ? [1, 2, 3, 4, 5, 9] : [1, 3, 16, 31, 33, 70] {
      for encoding in [Encoding.dense(.bf16), .grouped(grouped)] {
        let sample = SampleMatrix(encoding, outputCount: outputCount, inputCount: 160, seed: 8)
        try expectProduct(sample, isa, tokenCount: tokenCount)
      }
    }
  }

  /// A row of Llama's feed-forward width, longer than any block the kernels work in.
  @Test(arguments: InstructionSet.supported)
  func longRowsAreRight(isa: InstructionSet) throws {
    for encoding in SampleMatrix.encodings(inputCount: 11_008) {
      let sample = SampleMatrix(encoding, outputCount: 3, inputCount: 11_008, seed: 11)
      for tokenCount in [1, 2, 60] { try expectProduct(sample, isa, tokenCount: tokenCount) }
    }
  }

  /// With scales of 16 bits no product rounds, so every instruction set decodes what the oracle does, to the bit.
  @Test(arguments: InstructionSet.supported, [1, 3, 33, 64, 65, 192, 2_112])
  func decodedRowsAreTheOraclesRows(isa: InstructionSet, inputCount: Int) throws {
    for encoding in SampleMatrix.encodings(inputCount: inputCount) {
      let sample = SampleMatrix(encoding, outputCount: 3, inputCount: inputCount, seed: 21)
      let matrix = try matrix(sample, isa)
      for row in 0..<3 {
        var decoded = [Float](repeating: .nan, count: inputCount)
        var span = decoded.mutableSpan
        matrix.decodeRow(row, into: &span)
        let expected = sample.decoded[row * inputCount..<(row + 1) * inputCount]
        if case .grouped(let grouped) = encoding, grouped.scaleType == .f32 {
          #expect(zip(decoded, expected).allSatisfy { abs($0 - $1) <= 1e-5 }, "\(encoding.text) on \(isa)")
        } else {
          #expect(decoded == Array(expected), "\(encoding.text) on \(isa)")
        }
      }
    }
  }

  /// Results depend on nothing but the operands: not on threads, and not on how rows are shared out.
  @Test(arguments: InstructionSet.supported, [1, 6, 70])
  func threadsDoNotChangeResults(isa: InstructionSet, tokenCount: Int) throws {
    let grouped = GroupedEncoding(bits: 4, groupElementCount: 64, isSymmetric: false)
    let sample = SampleMatrix(.grouped(grouped), outputCount: 1_030, inputCount: 1_088, seed: 31)
    let x = sample.inputs(tokenCount: tokenCount)
    let alone = try matrix(sample, isa, pool: WorkerPool(threadCount: 1)).product(of: x, tokenCount: tokenCount)
    for threadCount in [2, 3] {
      let shared = try matrix(sample, isa, pool: WorkerPool(threadCount: threadCount))
        .product(of: x, tokenCount: tokenCount)
      #expect(shared == alone)
    }
  }

  /// A token's result does not depend on the tokens beside it, once there are several, and again from 48 on.
  @Test(arguments: InstructionSet.supported)
  func tokensDoNotDisturbEachOther(isa: InstructionSet) throws {
    let sample = SampleMatrix(.dense(.f16), outputCount: 9, inputCount: 1_091, seed: 41)
    let matrix = try matrix(sample, isa)
    for (tokenCount, part) in [(47, 2), (150, 48), (150, 55)] {
      let x = sample.inputs(tokenCount: tokenCount)
      let together = matrix.product(of: x, tokenCount: tokenCount)
      for first in [0, 5, 44, 45, 95, 102] where first + part <= tokenCount {
        let own = matrix.product(of: Array(x[first * 1_091..<(first + part) * 1_091]), tokenCount: part)
        #expect(own == Array(together[first * 9..<(first + part) * 9]))
      }
    }
  }

  @Test func bytesNeedNoAlignment() throws {
    let grouped = GroupedEncoding(bits: 4, groupElementCount: 32, isSymmetric: false)
    for encoding in [Encoding.dense(.f32), .dense(.f16), .grouped(grouped)] {
      let sample = SampleMatrix(encoding, outputCount: 5, inputCount: 96, seed: 51)
      let shifted = InMemoryBytes([0xFF] + sample.bytes)
      for isa in InstructionSet.supported {
        let context = KernelContext(instructionSet: isa, pool: Self.pool)
        let slice = ByteSlice(shifted, 1..<sample.bytes.count + 1)
        let moved = try WeightMatrix.bind(encoding: encoding, shape: sample.shape, storage: slice, context: context)
        let x = sample.inputs(tokenCount: 3)
        #expect(moved.product(of: x, tokenCount: 3) == (try matrix(sample, isa)).product(of: x, tokenCount: 3))
      }
    }
  }

  @Test func noTokensIsNothingToDo() throws {
    let sample = SampleMatrix(.dense(.f32), outputCount: 2, inputCount: 2, seed: 61)
    #expect(try matrix(sample, .scalar).product(of: [], tokenCount: 0).isEmpty)
  }

  @Test func wrongBytesAndShapesAreRefused() {
    let context = KernelContext(pool: Self.pool)
    let encoding = Encoding.grouped(GroupedEncoding(bits: 4, groupElementCount: 32, isSymmetric: false))
    let shape = MatrixShape(outputCount: 2, inputCount: 64)
    let needed = encoding.byteCount(of: shape)
    for found in [0, needed - 1, needed + 1] {
      #expect(throws: KernelError.wrongByteCount(encoding, shape, found: found)) {
        let storage = InMemoryBytes([UInt8](repeating: 0, count: found))
        return try WeightMatrix.bind(encoding: encoding, shape: shape, storage: storage, context: context)
      }
    }
    let odd = MatrixShape(outputCount: 2, inputCount: 40)
    #expect(throws: KernelError.shapeNotAccepted(encoding, odd)) {
      try WeightMatrix.bind(encoding: encoding, shape: odd, storage: InMemoryBytes([]), context: context)
    }
  }
}
