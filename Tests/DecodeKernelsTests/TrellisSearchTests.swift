import DecodeKernels
import Encodings
import Foundation
import TensorCore
import Testing

@Suite struct TrellisSearchTests {
  private func choose(
    _ targets: [Float], scales: [Float], bits: Int, _ isa: InstructionSet
  ) -> (codes: [UInt8], values: [Float]) {
    var search = TrellisSearch(TrellisEncoding(bits: bits), instructionSet: isa)
    var codes = [UInt8](repeating: 255, count: targets.count)
    var values = [Float](repeating: .nan, count: targets.count)
    var codeSpan = codes.mutableSpan, valueSpan = values.mutableSpan
    search.choose(for: targets.span, scales: scales.span, codes: &codeSpan, values: &valueSpan)
    return (codes, values)
  }

  private func error(_ values: [Float], _ targets: [Float]) -> Double {
    zip(values, targets).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
  }

  private func normal(_ count: Int, seed: UInt64) -> [Float] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in
      let radius = (-2 * log(1 - Double(random.nextUnitFloat()))).squareRoot()
      return Float(radius * cos(2 * .pi * Double(random.nextUnitFloat())))
    }
  }

  /// The deviation of the values is 1.16.
  private let unitScale: Float = 0.8626

  /// Mean squared error on Gaussian values of deviation 1, recorded when the multiplier was chosen; the quantizers of
  /// Lloyd and Max (Max, IRE Trans. Information Theory 6, 1960, table I) leave 0.3634, 0.1175, 0.03454 and 0.009497.
  @Test(arguments: zip([1, 2, 3, 4], [(0.288, 0.3634), (0.0738, 0.1175), (0.01967, 0.03454), (0.00541, 0.009497)]))
  func gaussianError(bits: Int, limits: (recorded: Double, scalar: Double)) {
    let runCount = 400
    let scales = [Float](repeating: unitScale, count: 128)
    var sum = 0.0
    for run in 0..<runCount {
      let targets = normal(128, seed: UInt64(run))
      sum += error(choose(targets, scales: scales, bits: bits, .best).values, targets)
    }
    let mean = sum / Double(128 * runCount)
    #expect(abs(mean / limits.recorded - 1) < 0.02, "\(mean)")
    #expect(mean < 0.8 * limits.scalar)
  }

  /// The values are what the oracle reads from the codes.
  @Test(arguments: InstructionSet.supported, [16, 32, 112, 128])
  func valuesAreWhatAReaderSees(isa: InstructionSet, rowCount: Int) {
    for bits in TrellisEncoding.bitCounts {
      let targets = normal(rowCount, seed: 3)
      let scales = (0..<rowCount).map { Float($0 % 3) * 0.5 }
      let (codes, values) = choose(targets, scales: scales, bits: bits, isa)
      var packer = TrellisPacker(encoding: TrellisEncoding(bits: bits), inputCount: 1)
      packer.append(codes: codes.span, scales: scales.span)
      let decoded = OracleDecoder.decode(
        packer.finish().span, encoding: .trellis(TrellisEncoding(bits: bits)),
        shape: MatrixShape(outputCount: rowCount, inputCount: 1))
      #expect(values == decoded)
    }
  }

  /// Sixteen rows of 2 bits: of the four million streams that have the same five codes before and behind the seam, and
  /// so the same state there, the search has found the nearest.
  @Test(arguments: InstructionSet.supported)
  func noPathThroughTheSameSeamIsNearer(isa: InstructionSet) {
    let targets = normal(16, seed: 100)
    let scales = (0..<16).map { $0 % 5 == 4 ? Float(0) : unitScale * Float(1 + $0 % 2) }
    let (codes, values) = choose(targets, scales: scales, bits: 2, isa)
    // The last of four passes has its seam at row 3 · 6 mod 16: rows 2 … 6 lie in the window of row 1.
    let seam = 2, overlap = 5
    var nearest = Double.infinity
    func visit(_ step: Int, _ codes: inout [Int], _ sum: Double) {
      guard sum < nearest else { return }
      guard step < 16 else {
        nearest = sum
        return
      }
      // Downwards from the row before the seam; the window of a row needs the codes of itself and the five above.
      let row = (seam + 15 - step) % 16
      for code in step >= 16 - overlap ? codes[row]...codes[row] : 0...3 {
        codes[row] = code
        var state = 0
        for above in 0..<6 { state |= codes[(row + above) % 16] << (2 * above) }
        let difference = Double(targets[row] - scales[row] * TrellisCodebook.value(of: state))
        visit(step + 1, &codes, sum + difference * difference)
      }
    }
    var visited = codes.map { Int($0) }
    visit(0, &visited, 0)
    #expect(abs(error(values, targets) - nearest) <= 1e-5 * nearest)
  }

  /// The state at the seam is decided from the rows around it. Where a window spans most of the rows, as in the
  /// shortest streams of one bit, that costs much: about twice the error of the best of all 65,536.
  @Test func theShortestStreamsAgainstTheBest() {
    let values = (0..<4096).map { TrellisCodebook.value(of: $0) }
    var found = 0.0, best = 0.0
    for run in 0..<6 {
      let targets = normal(16, seed: UInt64(200 + run))
      let scales = [Float](repeating: unitScale, count: 16)
      var least = Double.infinity
      for stream in 0..<1 << 16 {
        let twice = stream | stream << 16
        var sum = 0.0
        for row in 0..<16 {
          let difference = Double(targets[row] - scales[row] * values[twice >> row & 4095])
          sum += difference * difference
        }
        least = min(least, sum)
      }
      let chosen = error(choose(targets, scales: scales, bits: 1, .best).values, targets)
      #expect(chosen > least - 1e-4)
      found += chosen
      best += least
    }
    #expect(found < 2.2 * best, "\(found) and \(best)")
  }

  /// A column that some codes stand for exactly is found again.
  @Test(arguments: InstructionSet.supported, TrellisEncoding.bitCounts)
  func whatWasCodedIsCodedAgain(isa: InstructionSet, bits: Int) {
    var random = SplitMix64(seed: 9)
    let scales = (0..<128).map { Float(1 + $0 % 4) * 0.25 }
    let codes = (0..<128).map { _ in Int(random.next() & ((1 << UInt64(bits)) - 1)) }
    let values = (0..<128).map { row in
      var state = 0
      for step in 0..<12 { state |= codes[(row + step) % 128] << (bits * step) }
      return scales[row] * TrellisCodebook.value(of: state & 4095)
    }
    #expect(choose(values, scales: scales, bits: bits, isa).values == values)
  }

  /// Every instruction set reaches the same error, though ties and rounding may lead to different codes.
  @Test(arguments: InstructionSet.supported, TrellisEncoding.bitCounts)
  func instructionSetsAgree(isa: InstructionSet, bits: Int) {
    let scales = [Float](repeating: unitScale, count: 128)
    var reference = 0.0, sum = 0.0
    for run in 0..<4 {
      let targets = normal(128, seed: UInt64(run))
      reference += error(choose(targets, scales: scales, bits: bits, .best).values, targets)
      sum += error(choose(targets, scales: scales, bits: bits, isa).values, targets)
    }
    #expect(abs(sum / reference - 1) < 1e-3, "\(sum) and \(reference)")
  }

  /// Targets beyond any cost a float can hold end in codes nonetheless.
  @Test(arguments: InstructionSet.supported)
  func hugeTargetsDoNoHarm(isa: InstructionSet) {
    let targets = (0..<32).map { Float($0 % 2 == 0 ? 3e38 : -3e38) }
    let (codes, values) = choose(targets, scales: [Float](repeating: 1, count: 32), bits: 2, isa)
    #expect(codes.allSatisfy { $0 < 4 } && values.allSatisfy { abs($0) <= 4 })
  }
}
