import Encodings
import TensorCore
import Testing

@Suite struct GroupedQuantizerTests {
  private struct Outcome {
    let bytes: [UInt8], decoded: [Float], error: Double
  }

  private func quantize(
    _ rows: [[Float]], _ encoding: GroupedEncoding, importance: [Float]? = nil, searches: Bool = true
  ) -> Outcome {
    let width = rows[0].count
    var quantizer = GroupedQuantizer(encoding: encoding, inputCount: width, searches: searches)
    var packer = GroupedPacker(encoding: encoding, inputCount: width, expectedRowCount: rows.count)
    var error = 0.0
    for row in rows { error += quantizer.quantizeRow(row.span, importance: importance?.span, into: &packer) }
    let bytes = packer.finish()
    let shape = MatrixShape(outputCount: rows.count, inputCount: width)
    let decoded = OracleDecoder.decode(bytes.span, encoding: .grouped(encoding), shape: shape)
    return Outcome(bytes: bytes, decoded: decoded, error: error)
  }

  /// Σ importance · (decoded − value)² computed from the packed bytes.
  private func trueError(_ outcome: Outcome, _ rows: [[Float]], _ importance: [Float]? = nil) -> Double {
    zip(outcome.decoded, rows.joined()).enumerated().reduce(0) { sum, element in
      let difference = Double(element.element.0) - Double(element.element.1)
      return sum + Double(importance?[element.offset % rows[0].count] ?? 1) * difference * difference
    }
  }

  private func normalRows(_ count: Int, width: Int, seed: UInt64) -> [[Float]] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in
      (0..<width).map { _ in ((0..<12).reduce(Float(-6)) { sum, _ in sum + random.nextUnitFloat() }) * 0.02 }
    }
  }

  @Test(arguments: 2...8, [(64, 64), (96, 32), (48, 16), (33, 11), (5, 1), (130, 130)])
  func theReportedErrorIsTheTrueOneAndNeverAbovePlainRounding(bits: Int, row: (count: Int, group: Int)) {
    let rows = normalRows(4, width: row.count, seed: UInt64(bits))
    var random = SplitMix64(seed: 99)
    let importance = (0..<row.count).map { _ in random.nextUnitFloat() * random.nextUnitFloat() * 3 }
    for isSymmetric in [false, true] {
      for scaleType in ElementType.allCases {
        let encoding = GroupedEncoding(
          bits: bits, groupElementCount: row.group, isSymmetric: isSymmetric, scaleType: scaleType)
        for weights in [nil, importance] {
          let plain = quantize(rows, encoding, importance: weights, searches: false)
          let searched = quantize(rows, encoding, importance: weights)
          for outcome in [plain, searched] {
            let exact = trueError(outcome, rows, weights)
            #expect(abs(outcome.error - exact) <= 1e-3 * exact + 1e-14)
          }
          #expect(searched.error <= plain.error)
        }
      }
    }
  }

  /// What the search gains on normally distributed weights, with a margin of 3 %.
  @Test(arguments: [
    (2, false, 0.56), (3, false, 0.79), (4, false, 0.86), (6, false, 0.90), (4, true, 0.72), (2, true, 0.26),
  ])
  func theSearchGains(bits: Int, isSymmetric: Bool, ratio: Double) {
    let rows = normalRows(8, width: 1_024, seed: 3)
    let encoding = GroupedEncoding(bits: bits, groupElementCount: 64, isSymmetric: isSymmetric)
    #expect(quantize(rows, encoding).error < ratio * quantize(rows, encoding, searches: false).error)
  }

  /// Half a step from rounding, and up to half a step where the stored zero point cuts the range.
  @Test func plainRoundingStaysWithinAStep() {
    let rows = normalRows(8, width: 256, seed: 4)
    for bits in [4, 8] {
      let encoding = GroupedEncoding(bits: bits, groupElementCount: 64, isSymmetric: false, scaleType: .f32)
      let outcome = quantize(rows, encoding, searches: false)
      let elements = Array(rows.joined())
      for group in 0..<elements.count / 64 {
        let values = elements[group * 64..<(group + 1) * 64]
        let step = (values.max()! - values.min()!) / Float((1 << bits) - 1)
        for (index, value) in values.enumerated() {
          #expect(abs(outcome.decoded[group * 64 + index] - value) <= 1.01 * step)
        }
      }
    }
  }

  @Test func importanceMovesTheErrorToWhereItMattersLess() {
    let rows = normalRows(16, width: 64, seed: 5)
    let importance = (0..<64).map { Float($0 < 8 ? 100 : 1) }
    let encoding = GroupedEncoding(bits: 3, groupElementCount: 64, isSymmetric: false)
    let weighted = quantize(rows, encoding, importance: importance)
    let uniform = quantize(rows, encoding)
    #expect(weighted.error < 0.8 * trueError(uniform, rows, importance))
  }

  /// 64 values that show every code, so that the spanning grid is the values' own.
  @Test(arguments: 2...6, [false, true])
  func exactGridsAreFound(bits: Int, isSymmetric: Bool) {
    let middle = isSymmetric ? 1 << (bits - 1) : 1
    let row = (0..<64).map { Float($0 % (1 << bits) - middle) * 0.25 }
    let encoding = GroupedEncoding(bits: bits, groupElementCount: 64, isSymmetric: isSymmetric)
    #expect(quantize([row], encoding).decoded == row)
  }

  @Test(arguments: ElementType.allCases, [false, true])
  func extremeGroupsStayFinite(scaleType: ElementType, isSymmetric: Bool) {
    let rows: [[Float]] = [
      [Float](repeating: 0, count: 32), [Float](repeating: 3.25, count: 32), [Float](repeating: -3.25, count: 32),
      [Float](repeating: -0.0, count: 32), (0..<32).map { Float($0) * 1e-9 }, (0..<32).map { Float($0 - 16) * 1e-38 },
      (0..<32).map { _ in Float.leastNonzeroMagnitude }, (0..<32).map { Float($0 - 16) * 1e6 },
      (0..<32).map { Float($0 - 16) * 2e37 }, (0..<32).map { $0 % 2 == 0 ? Float.greatestFiniteMagnitude : 0 },
      (0..<32).map { $0 % 2 == 0 ? Float.greatestFiniteMagnitude : -Float.greatestFiniteMagnitude },
      [Float.greatestFiniteMagnitude] + [Float](repeating: 1e-30, count: 31),
    ]
    for bits in 2...8 {
      let encoding = GroupedEncoding(bits: bits, groupElementCount: 32, isSymmetric: isSymmetric, scaleType: scaleType)
      for row in rows {
        for importance in [nil, [Float](repeating: 0, count: 32), (0..<32).map { Float($0 % 3) }] {
          for searches in [false, true] {
            let outcome = quantize([row], encoding, importance: importance, searches: searches)
            #expect(outcome.decoded.allSatisfy(\.isFinite) && outcome.error.isFinite && outcome.error >= 0)
            let largest = row.map(abs).max()!
            let bound = 2 * largest + 1e-7
            #expect(outcome.decoded.allSatisfy { abs($0) <= bound }, "\(bits) bits, row beginning \(row[..<2])")
          }
        }
      }
      #expect(quantize([rows[0]], encoding).decoded == rows[0])
      // A constant is an end of the range, so that only the stored scale rounds it.
      for row in rows[1...2] {
        let decoded = quantize([row], encoding).decoded
        #expect(decoded.allSatisfy { abs($0 - row[0]) <= 0.01 * abs(row[0]) }, "\(bits) bits: \(decoded[0])")
      }
    }
  }

  @Test func theSameInputGivesTheSameBytesWhateverWasBefore() {
    let rows = normalRows(6, width: 128, seed: 6)
    let encoding = GroupedEncoding(bits: 4, groupElementCount: 32, isSymmetric: false)
    let whole = quantize(rows, encoding).bytes
    var joined = GroupedPacker(encoding: encoding, inputCount: 128)
    for row in rows {
      var quantizer = GroupedQuantizer(encoding: encoding, inputCount: 128)
      var part = GroupedPacker(encoding: encoding, inputCount: 128)
      _ = quantizer.quantizeRow(row.span, into: &part)
      joined.append(contentsOf: part)
    }
    #expect(joined.finish() == whole)
  }
}
