import Encodings
import TensorCore

/// A matrix of seeded bytes: every code, scales and zero points of ordinary size, and what the oracle makes of it.
struct SampleMatrix {
  let encoding: Encoding
  let shape: MatrixShape
  let bytes: [UInt8]
  let decoded: [Float]

  init(_ encoding: Encoding, outputCount: Int, inputCount: Int, seed: UInt64) {
    let shape = MatrixShape(outputCount: outputCount, inputCount: inputCount)
    let bytes = Self.bytes(encoding, shape, seed: seed)
    self.encoding = encoding
    self.shape = shape
    self.bytes = bytes
    decoded = OracleDecoder.decode(bytes.span, encoding: encoding, shape: shape)
  }

  private static func bytes(_ encoding: Encoding, _ shape: MatrixShape, seed: UInt64) -> [UInt8] {
    var random = SplitMix64(seed: seed)
    switch encoding {
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

  /// Row-major (tokenCount, inputCount).
  func inputs(tokenCount: Int) -> [Float] {
    var random = SplitMix64(seed: UInt64(shape.inputCount + tokenCount))
    return Self.floats(tokenCount * shape.inputCount, &random)
  }

  /// x·Wᵀ in double precision, and Σ |x·w| for each result, which bounds its rounding error.
  ///
  /// With 32-bit scales, scale · code and scale · zero round before they cancel, so that a small weight carries the
  /// error of a large one: there the largest weight stands for all.
  func product(_ x: [Float], tokenCount: Int) -> [(value: Double, magnitude: Double)] {
    var leastMagnitude: Float = 0
    if case .grouped(let grouped) = encoding, grouped.scaleType == .f32 { leastMagnitude = decoded.map(abs).max()! }
    return (0..<tokenCount * shape.outputCount).map { index in
      let token = index / shape.outputCount, row = index % shape.outputCount
      var value = 0.0
      var magnitude = 0.0
      for column in 0..<shape.inputCount {
        let weight = decoded[row * shape.inputCount + column], input = x[token * shape.inputCount + column]
        value += Double(weight) * Double(input)
        magnitude += Double(max(abs(weight), leastMagnitude)) * Double(abs(input))
      }
      return (value, magnitude)
    }
  }

  private static func floats(_ count: Int, _ random: inout SplitMix64) -> [Float] {
    (0..<count).map { _ in random.nextUnitFloat() * 2 - 1 }
  }
}
