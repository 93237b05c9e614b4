import Diagnostics
import Encodings
import TensorCore

extension KernelBench.Weights {
  /// Any weights in an encoding.
  /// - Parameter text: as docs/format.md §4 writes it.
  /// - Throws: ``KernelBenchError`` when it is none, or a part of it is ternary.
  public init(parsing text: String) throws(KernelBenchError) {
    guard let encoding = try? Encoding(parsing: text) else { throw .notAnEncoding(text) }
    guard !encoding.hasTernaryLeaf else { throw .ternary(text) }
    self = .encoding(encoding)
  }
}

extension KernelBench {
  /// Most numbers in the vectors that go in and out of a product at a time: 1 GiB.
  private static let largestVectorCount = 1 << 28

  /// A shape as it is typed: outputs x inputs.
  /// - Throws: ``KernelBenchError`` when the text is none, the matrix would have more than 2^31 weights, or the vectors
  ///   multiplied at a time and their products more than 2^28 numbers.
  public func shape(parsing text: String) throws(KernelBenchError) -> MatrixShape {
    let counts = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard counts.count == 2, counts.allSatisfy({ (1...1 << 24).contains($0) }), counts[0] * counts[1] <= 1 << 31
    else { throw .notAShape(text) }
    let most = Self.largestVectorCount / (counts[0] + counts[1])
    guard tokenCount <= most else { throw .tooManyVectors(text, most: most) }
    return MatrixShape(outputCount: counts[0], inputCount: counts[1])
  }
}

/// What kernels cannot be measured on.
public enum KernelBenchError: Error, Equatable, Diagnosable {
  case notAShape(String)
  /// At most so many fit for a matrix of this shape.
  case tooManyVectors(String, most: Int)
  case notAnEncoding(String)
  case ternary(String)

  public var diagnosis: Diagnosis {
    switch self {
    case .notAShape(let text):
      Diagnosis(
        code: "bench.shape", what: "'\(text)' is not the shape of a matrix", place: "--shapes",
        why: "a shape is the number of outputs, an x, and the number of inputs, with at most 2^31 weights",
        fix: "give shapes such as 768x3072,3072x768", status: .usage)
    case .tooManyVectors(let text, let most):
      Diagnosis(
        code: "bench.vectors", what: "the vectors for a matrix of \(text) would be too large", place: "--tokens",
        why: "inputs and outputs of all tokens together are at most 2^28 numbers", fix: "give --tokens \(most) or less",
        status: .usage)
    case .notAnEncoding(let text):
      Diagnosis(
        code: "bench.encoding", what: "this is not the name of an encoding", place: "'\(text.prefix(100))'",
        why: "encodings are written as in docs/format.md",
        fix: "write them like 'grouped(bits=4 group=64 symmetric scale=f16)', each in quotes", status: .usage)
    case .ternary(let text):
      Diagnosis(
        code: "bench.ternary", what: "the size of a ternary value depends on its symbols", place: text,
        why: "its text alone does not say what the symbols are", fix: "give the share of zeros with --zeros",
        status: .usage)
    }
  }
}
