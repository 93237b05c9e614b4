import Encodings
import TensorCore

/// A matrix of seeded bytes: every code, scales and zero points of ordinary size, and what the oracle makes of it.
struct SampleMatrix {
  let encoding: Encoding
  let shape: MatrixShape
  let bytes: [UInt8]
  let decoded: [Float]
  /// For each element, the sum of the magnitudes of what it is computed from.
  let magnitudes: [Double]

  init(_ encoding: Encoding, outputCount: Int, inputCount: Int, seed: UInt64) {
    let shape = MatrixShape(outputCount: outputCount, inputCount: inputCount)
    let bytes = Self.bytes(encoding, shape, seed: seed)
    self.encoding = encoding
    self.shape = shape
    self.bytes = bytes
    decoded = OracleDecoder.decode(bytes.span, encoding: encoding, shape: shape)
    magnitudes = Self.magnitudes(bytes, encoding, shape)
  }

  private static func bytes(_ encoding: Encoding, _ shape: MatrixShape, seed: UInt64) -> [UInt8] {
    var random = SplitMix64(seed: seed)
    switch encoding {
    case .sparse, .lowRank, .sum, .wrapped:
      let places = (0..<encoding.placesByteCount(of: shape)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let parts = encoding.parts(of: shape).map { bytes($0.encoding, $0.shape, seed: random.next()) }
      return CompositeValue.bytes(of: encoding, shape: shape, places: places, parts: parts)
    case .dense(let type):
      return DenseCodec.encode(floats(shape.elementCount, &random).span, as: type)
    case .grouped(let grouped):
      var packer = GroupedPacker(encoding: grouped, inputCount: shape.inputCount)
      let groupCount = shape.inputCount / grouped.groupElementCount
      for _ in 0..<shape.outputCount {
        let codes = (0..<shape.inputCount).map { _ in UInt8(random.next() & ((1 << UInt64(grouped.bits)) - 1)) }
        let scales = (0..<groupCount).map { _ in (random.nextUnitFloat() - 0.3) * 0.1 }
        let zeros = (0..<(grouped.isSymmetric ? 0 : groupCount)).map { _ in UInt8(random.next() & 255) }
        packer.append(codes: codes.span, scales: scales.span, zeros: zeros.span)
      }
      return packer.finish()
    case .trellis(let trellis):
      let codes = (0..<trellis.layout(of: shape).scalesOffset).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let scales = (0..<shape.outputCount).map { _ in (random.nextUnitFloat() - 0.3) * 0.1 }
      return codes + DenseCodec.encode(scales.span, as: .f16)
    case .ternary(let ternary):
      let layout = ternary.layout(of: shape), share = ternary.streamByteCount / layout.bundleCount
      let begins = (0..<layout.bundleCount).flatMap { bundle in
        (0..<4).map { UInt8(truncatingIfNeeded: bundle * share >> (8 * $0)) }
      }
      let levels = (0..<layout.levelsByteCount / 2).map { _ in (random.nextUnitFloat() - 0.3) * 0.1 }
      let streams = (0..<ternary.streamByteCount).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      return begins + DenseCodec.encode(levels.span, as: .f16) + streams
    }
  }

  /// Every kind of encoding whose group divides `inputCount`: the groups kernels treat apart, and odd ones.
  static func encodings(inputCount: Int) -> [Encoding] {
    var all = ElementType.allCases.map(Encoding.dense)
    let groups = Set([1, 3, 11, 16, 32, 48, 64, 96, 128, 192, inputCount]).filter { inputCount % $0 == 0 }.sorted()
    for bits in 2...8 {
      for (index, group) in groups.enumerated() {
        for isSymmetric in [false, true] {
          // Each scale type meets each number of bits, not each group.
          let scaleType = ElementType.allCases[(index + bits) % 3]
          all.append(
            .grouped(
              GroupedEncoding(bits: bits, groupElementCount: group, isSymmetric: isSymmetric, scaleType: scaleType)))
        }
      }
    }
    return all
  }

  static let patterns = [(1, 2), (2, 4), (4, 8), (8, 16), (3, 5), (1, 16), (7, 12), (1, 3), (15, 16)]
    .map { SparsePattern(kept: $0.0, group: $0.1) }

  /// Every kind of sparse encoding of a pattern that can hold `inputCount`.
  static func sparse(_ pattern: SparsePattern, inputCount: Int) -> [Encoding] {
    guard inputCount % pattern.group == 0 else { return [] }
    return encodings(inputCount: pattern.keptCount(of: inputCount)).map { .sparse(pattern, values: $0) }
  }

  /// Row-major (tokenCount, inputCount).
  func inputs(tokenCount: Int) -> [Float] {
    var random = SplitMix64(seed: UInt64(shape.inputCount + tokenCount))
    return Self.floats(tokenCount * shape.inputCount, &random)
  }

  /// x·Wᵀ in double precision, and Σ |x·w| for each result, which bounds its rounding error.
  func product(_ x: [Float], tokenCount: Int) -> [(value: Double, magnitude: Double)] {
    (0..<tokenCount * shape.outputCount).map { index in
      let token = index / shape.outputCount, row = index % shape.outputCount
      var value = 0.0
      var magnitude = 0.0
      for column in 0..<shape.inputCount {
        let place = row * shape.inputCount + column
        let input = Double(x[token * shape.inputCount + column])
        value += Double(decoded[place]) * input
        magnitude += magnitudes[place] * abs(input)
      }
      return (value, magnitude)
    }
  }

  /// With 32-bit scales, scale · code and scale · zero round before they cancel, so that a small weight carries the
  /// error of a large one: there the largest weight stands for all.
  private static func magnitudes(_ bytes: [UInt8], _ encoding: Encoding, _ shape: MatrixShape) -> [Double] {
    let parts = encoding.parts(of: shape).map {
      magnitudes(Array(bytes[$0.byteRange]), $0.encoding, $0.shape)
    }
    switch encoding {
    case .dense, .grouped, .trellis, .ternary:
      let decoded = OracleDecoder.decode(bytes.span, encoding: encoding, shape: shape).map { Double(abs($0)) }
      guard case .grouped(let grouped) = encoding, grouped.scaleType == .f32 else { return decoded }
      return [Double](repeating: decoded.max()!, count: decoded.count)
    case .sparse(let pattern, _):
      let places = bytes.span.extracting(0..<encoding.placesByteCount(of: shape))
      var kept = parts[0].makeIterator()
      return pattern.masks(of: places, shape: shape).flatMap { mask in
        (0..<pattern.group).map { mask >> UInt16($0) & 1 == 1 ? kept.next()! : 0 }
      }
    case .lowRank(let rank, _, _):
      return (0..<shape.elementCount).map { index in
        let row = index / shape.inputCount, column = index % shape.inputCount
        return (0..<rank).reduce(0) { $0 + parts[0][row * rank + $1] * parts[1][$1 * shape.inputCount + column] }
      }
    case .sum: return zip(parts[0], parts[1]).map { $0 + $1 }
    case .wrapped(let blocks, _):
      let width = blocks.blockElementCount
      let left = (0..<shape.elementCount).map { index in
        let row = index / shape.inputCount, first = row / width * width
        return (0..<width).reduce(0) {
          $0 + parts[0][row * width + $1] * parts[1][(first + $1) * shape.inputCount + index % shape.inputCount]
        }
      }
      return (0..<shape.elementCount).map { index in
        let row = index / shape.inputCount, column = index % shape.inputCount, first = column / width * width
        return (0..<width).reduce(0) {
          $0 + left[row * shape.inputCount + first + $1] * parts[2][(first + $1) * width + column - first]
        }
      }
    }
  }

  private static func floats(_ count: Int, _ random: inout SplitMix64) -> [Float] {
    (0..<count).map { _ in random.nextUnitFloat() * 2 - 1 }
  }
}
