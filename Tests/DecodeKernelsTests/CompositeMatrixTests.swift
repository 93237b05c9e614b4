import Encodings
import Parallelism
import TensorCore
import Testing

@testable import DecodeKernels

/// Sparse, low-rank, summed and wrapped matrices, and what nests of them.
@Suite struct CompositeMatrixTests {
  private static let pool = WorkerPool(threadCount: 2)

  private func bind(
    _ sample: SampleMatrix, _ isa: InstructionSet, pool: WorkerPool = Self.pool
  ) throws -> WeightMatrix { try sample.bound(to: isa, pool: pool) }

  /// Products within rounding of the oracle's, and rows that are the oracle's: to the bit where `isExact`.
  private func expectOracle(
    _ encoding: Encoding, _ outputCount: Int, _ inputCount: Int, tokenCounts: [Int], isExact: Bool = false
  ) throws {
    let seed = UInt64(encoding.text.utf8.reduce(7) { $0 + Int($1) })
    let sample = SampleMatrix(encoding, outputCount: outputCount, inputCount: inputCount, seed: seed)
    for isa in InstructionSet.supported {
      let label = "\(encoding.text) \(sample.shape) on \(isa)"
      let matrix = try bind(sample, isa)
      for tokenCount in tokenCounts {
        let x = sample.inputs(tokenCount: tokenCount)
        let y = matrix.product(of: x, tokenCount: tokenCount)
        let worst = zip(y, sample.product(x, tokenCount: tokenCount))
          .map { abs(Double($0) - $1.value) / ($1.magnitude + 1e-30) }.max()!
        #expect(worst <= 1e-6, "\(label) × \(tokenCount): \(worst)")
        #expect(!y.contains { !$0.isFinite })
      }
      let decoded = matrix.decoded()
      if isExact {
        #expect(decoded == sample.decoded, "\(label)")
      } else {
        let worst = decoded.indices
          .map { Double(abs(decoded[$0] - sample.decoded[$0])) / (sample.magnitudes[$0] + 1e-30) }.max()!
        #expect(worst <= 1e-6, "\(label): \(worst)")
      }
    }
  }

  /// Rows shorter than a unit, with a cut-off last unit, of several chunks and a rest, and of whole chunks.
  @Test(arguments: [3, 4, 5, 24, 48, 55, 60, 100, 272, 780, 965, 1_040, 1_536, 1_920, 2_048])
  func sparseMatricesAgreeWithTheOracle(inputCount: Int) throws {
    for (number, pattern) in SampleMatrix.patterns.enumerated() {
      for (index, encoding) in SampleMatrix.sparse(pattern, inputCount: inputCount).enumerated() {
        // Rows of one chunk meet every representation of values, longer ones a few of them.
        if inputCount > 100, (index + number) % 13 > 0 { continue }
        var isExact = true
        if case .sparse(_, .grouped(let grouped)) = encoding { isExact = grouped.scaleType != .f32 }
        try expectOracle(
          encoding, 5, inputCount, tokenCounts: inputCount > 100 ? [1, 3, 49] : [1, 2, 7, 48], isExact: isExact)
      }
    }
  }

  /// The patterns there are, each with values in one encoding.
  @Test func everySparsePatternIsRight() throws {
    for group in 2...16 {
      for kept in 1..<group {
        let pattern = SparsePattern(kept: kept, group: group)
        try expectOracle(
          .sparse(pattern, values: .dense(.bf16)), 3, 67 * group, tokenCounts: [1, 5], isExact: true)
      }
    }
  }

  private static let four = Encoding.grouped(GroupedEncoding(bits: 4, groupElementCount: 8, isSymmetric: false))
  private static let half = Encoding.sparse(SparsePattern(kept: 2, group: 4), values: four)
  private static let product = Encoding.lowRank(rank: 8, u: four, v: half)
  private static let trellis = Encoding.trellis(TrellisEncoding(bits: 2))
  private static let wrapper = BlockDiagonal(blockElementCount: 8, type: .bf16)

  @Test(arguments: [
    .lowRank(rank: 8, u: four, v: four), .lowRank(rank: 1, u: .dense(.f32), v: .dense(.f16)),
    .lowRank(rank: 24, u: .dense(.bf16), v: half), .sum(four, half), .sum(half, product),
    .wrapped(wrapper, core: half), .wrapped(BlockDiagonal(blockElementCount: 24), core: .dense(.f32)),
    .wrapped(BlockDiagonal(blockElementCount: 2, type: .f32), core: .sum(four, product)),
    .lowRank(rank: 8, u: .wrapped(wrapper, core: .dense(.f16)), v: .sum(product, .dense(.bf16))),
    .sparse(SparsePattern(kept: 2, group: 3), values: .sum(four, .dense(.f16))),
    .sparse(SparsePattern(kept: 1, group: 2), values: .lowRank(rank: 3, u: .dense(.f32), v: .dense(.f32))),
    .sparse(SparsePattern(kept: 8, group: 12), values: .sparse(SparsePattern(kept: 3, group: 8), values: .dense(.f32))),
    .sparse(SparsePattern(kept: 2, group: 4), values: trellis),
    .sum(trellis, .lowRank(rank: 5, u: trellis, v: trellis)),
    .sum(.sum(.sum(.sum(four, half), half), four), .dense(.bf16)),
  ] as [Encoding])
  func compositesAgreeWithTheOracle(encoding: Encoding) throws {
    try expectOracle(encoding, 48, 96, tokenCounts: [1, 2, 5, 67])
  }

  /// Results depend on nothing but the operands.
  @Test(arguments: [1, 6, 70])
  func threadsDoNotChangeResults(tokenCount: Int) throws {
    let generic = Encoding.sparse(SparsePattern(kept: 2, group: 4), values: .sum(Self.four, .dense(.f16)))
    for encoding in [Self.half, .wrapped(Self.wrapper, core: .sum(Self.four, Self.product)), generic] {
      let sample = SampleMatrix(encoding, outputCount: 520, inputCount: 544, seed: 31)
      let x = sample.inputs(tokenCount: tokenCount)
      for isa in InstructionSet.supported {
        let alone = try bind(sample, isa, pool: WorkerPool(threadCount: 1))
        let expected = alone.product(of: x, tokenCount: tokenCount), rows = alone.decoded()
        for threadCount in [2, 3] {
          let shared = try bind(sample, isa, pool: WorkerPool(threadCount: threadCount))
          #expect(shared.product(of: x, tokenCount: tokenCount) == expected)
          #expect(shared.decoded() == rows)
        }
      }
    }
  }

  /// A number that no set of places has stands for the first set, wherever it is.
  @Test func numbersOfNoSetAreHarmless() throws {
    for pattern in SampleMatrix.patterns {
      let encoding = Encoding.sparse(pattern, values: .dense(.f16)), inputCount = 67 * pattern.group
      let shape = MatrixShape(outputCount: 2, inputCount: inputCount)
      let kept = encoding.parts(of: shape)[0]
      let ones = [UInt8](repeating: 255, count: encoding.placesByteCount(of: shape))
      let values = DenseCodec.encode([Float](repeating: 1, count: kept.shape.elementCount).span, as: .f16)
      let bytes = CompositeValue.bytes(of: encoding, shape: shape, places: ones, parts: [values])
      let highest = (1 << pattern.indexBitCount) - 1
      let mask = highest < pattern.setCount ? pattern.masks[highest] : pattern.masks[0]
      for isa in InstructionSet.supported {
        let matrix = try WeightMatrix.bind(
          encoding: encoding, shape: shape, storage: InMemoryBytes(bytes),
          context: KernelContext(instructionSet: isa, pool: Self.pool))
        let expected = (0..<shape.elementCount).map { Float(mask >> UInt16($0 % pattern.group) & 1) }
        #expect(matrix.decoded() == expected)
        let y = matrix.product(of: [Float](repeating: 1, count: inputCount), tokenCount: 1)
        #expect(y == [Float](repeating: Float(67 * pattern.kept), count: 2))
      }
    }
  }

  @Test func whatHasKernelsSaysSo() {
    let fused: [Encoding] = [
      .dense(.f32), Self.four, Self.half, Self.product, .sum(Self.half, Self.product),
      .wrapped(Self.wrapper, core: Self.half),
    ]
    for encoding in fused { #expect(encoding.kernelCoverage == .fused) }
    let spread = Encoding.sparse(SparsePattern(kept: 2, group: 4), values: Self.product)
    for encoding in [spread, .sum(Self.four, spread), .wrapped(Self.wrapper, core: spread)] {
      #expect(encoding.kernelCoverage == .rowByRow)
    }
  }

  @Test func wrongBytesAndShapesAreRefused() {
    let context = KernelContext(pool: Self.pool)
    let shape = MatrixShape(outputCount: 16, inputCount: 32)
    for encoding in [Self.half, .sum(Self.half, Self.product), .wrapped(Self.wrapper, core: Self.half)] {
      let needed = encoding.byteCount(of: shape)
      for found in [0, needed - 1, needed + 1] {
        #expect(throws: KernelError.wrongByteCount(encoding, shape, found: found)) {
          let storage = InMemoryBytes([UInt8](repeating: 0, count: found))
          return try WeightMatrix.bind(encoding: encoding, shape: shape, storage: storage, context: context)
        }
      }
      let odd = MatrixShape(outputCount: 16, inputCount: 34)
      #expect(throws: KernelError.shapeNotAccepted(encoding, odd)) {
        try WeightMatrix.bind(encoding: encoding, shape: odd, storage: InMemoryBytes([]), context: context)
      }
    }
  }
}
