import CDecodeKernels

/// The vector operations of a forward pass in one instruction set. They run on the calling thread.
///
/// Operands of one call have equal counts unless it says otherwise.
public struct VectorKernels: Sendable {
  private let kernels: KernelTable

  /// - Parameter instructionSet: must be supported by this processor.
  public init(_ instructionSet: InstructionSet) { kernels = instructionSet.kernels }

  /// Σ a·b.
  public func dot(_ a: Span<Float>, _ b: Span<Float>) -> Float {
    precondition(a.count == b.count)
    return unsafe a.withUnsafeBufferPointer { a in
      unsafe b.withUnsafeBufferPointer { b in
        unsafe kernels.functions.dot(a.baseAddress, b.baseAddress, a.count)
      }
    }
  }

  /// ‖x‖₂ of every row of `width` elements.
  public func norms(ofRows x: Span<Float>, width: Int) -> [Float] {
    stride(from: 0, to: x.count, by: width).map { start in
      let row = x.extracting(start..<start + width)
      return dot(row, row).squareRoot()
    }
  }

  /// y += factor · x.
  public func addScaled(_ x: Span<Float>, by factor: Float, into y: inout MutableSpan<Float>) {
    unsafe combine(x, &y) { unsafe kernels.functions.add_scaled(factor, $0, $1, $2) }
  }

  /// y += x.
  public func add(_ x: Span<Float>, into y: inout MutableSpan<Float>) {
    unsafe combine(x, &y) { unsafe kernels.functions.add($0, $1, $2) }
  }

  /// y *= x.
  public func multiply(_ x: Span<Float>, into y: inout MutableSpan<Float>) {
    unsafe combine(x, &y) { unsafe kernels.functions.multiply($0, $1, $2) }
  }

  /// up *= silu(gate): the gated unit of Llama-like feed-forward layers.
  public func siluMultiply(gate: Span<Float>, into up: inout MutableSpan<Float>) {
    unsafe combine(gate, &up) { unsafe kernels.functions.silu_multiply($0, $1, $2) }
  }

  /// x *= factor.
  public func scale(_ x: inout MutableSpan<Float>, by factor: Float) {
    unsafe change(&x) { unsafe kernels.functions.scale(factor, $0, $1) }
  }

  /// x = max(x, 0).
  public func relu(_ x: inout MutableSpan<Float>) { unsafe change(&x) { unsafe kernels.functions.relu($0, $1) } }

  /// x = x / (1 + e^−x).
  public func silu(_ x: inout MutableSpan<Float>) { unsafe change(&x) { unsafe kernels.functions.silu($0, $1) } }

  /// x = x · Φ(x), Φ the normal distribution function.
  public func geluErf(_ x: inout MutableSpan<Float>) { unsafe change(&x) { unsafe kernels.functions.gelu_erf($0, $1) } }

  /// The tanh approximation of `geluErf`.
  public func geluTanh(_ x: inout MutableSpan<Float>) {
    unsafe change(&x) { unsafe kernels.functions.gelu_tanh($0, $1) }
  }

  /// x = e^x / Σ e^x. At least one element must be finite; −∞ becomes 0.
  public func softmax(_ x: inout MutableSpan<Float>) { unsafe change(&x) { unsafe kernels.functions.softmax($0, $1) } }

  /// y = x / √(mean(x²) + epsilon) · weight.
  public func rmsNorm(_ x: Span<Float>, weight: Span<Float>, epsilon: Float, into y: inout MutableSpan<Float>) {
    precondition(weight.count == x.count)
    unsafe weight.withUnsafeBufferPointer { weight in
      unsafe combine(x, &y) { unsafe kernels.functions.rms_norm($0, weight.baseAddress, epsilon, $1, $2) }
    }
  }

  /// x = x / √(mean(x²) + epsilon) · weight.
  public func rmsNorm(_ x: inout MutableSpan<Float>, weight: Span<Float>, epsilon: Float) {
    precondition(weight.count == x.count)
    unsafe weight.withUnsafeBufferPointer { weight in
      unsafe change(&x) { unsafe kernels.functions.rms_norm($0, weight.baseAddress, epsilon, $0, $1) }
    }
  }

  /// log Σ e^x, summed in double precision. `x` has at least one element, and one that is finite.
  public func logSumExp(_ x: Span<Float>) -> Double {
    precondition(!x.isEmpty)
    return unsafe x.withUnsafeBufferPointer { x in unsafe kernels.functions.log_sum_exp(x.baseAddress, x.count) }
  }

  /// One query head over a range of positions: output = softmax(scale · K·query) · V.
  ///
  /// The key of position p is `keys[p · stride + offset ..< p · stride + offset + query.count]`, its value likewise.
  /// - Parameters:
  ///   - positions: not empty; where a window begins and ends.
  ///   - stride: floats from one position to the next, in `keys` and in `values`.
  ///   - offset: where the key and value head begins within a position.
  ///   - scores: scratch of at least `positions.count` elements; ends up holding the attention weights.
  ///   - output: as many elements as `query`.
  public func attend(
    query: Span<Float>, keys: Span<Float>, values: Span<Float>, positions: Range<Int>, stride: Int, offset: Int,
    scale: Float, scores: inout MutableSpan<Float>, into output: inout MutableSpan<Float>
  ) {
    let width = query.count
    precondition(!positions.isEmpty && positions.lowerBound >= 0 && offset >= 0 && offset + width <= stride)
    precondition(positions.upperBound * stride <= min(keys.count, values.count))
    precondition(scores.count >= positions.count && output.count == width)
    let first = positions.lowerBound * stride + offset
    unsafe query.withUnsafeBufferPointer { query in
      unsafe keys.withUnsafeBufferPointer { keys in
        unsafe values.withUnsafeBufferPointer { values in
          unsafe scores.withUnsafeMutableBufferPointer { scores in
            unsafe output.withUnsafeMutableBufferPointer { output in
              unsafe kernels.functions.attend(
                query.baseAddress, keys.baseAddress! + first, values.baseAddress! + first, stride, positions.count,
                width, scale, scores.baseAddress, output.baseAddress)
            }
          }
        }
      }
    }
  }

  private func change(_ x: inout MutableSpan<Float>, _ body: (UnsafeMutablePointer<Float>, Int) -> Void) {
    unsafe x.withUnsafeMutableBufferPointer { x in
      guard let base = x.baseAddress else { return }
      unsafe body(base, x.count)
    }
  }

  private func combine(
    _ x: Span<Float>, _ y: inout MutableSpan<Float>,
    _ body: (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void
  ) {
    precondition(x.count == y.count)
    unsafe x.withUnsafeBufferPointer { x in
      unsafe y.withUnsafeMutableBufferPointer { y in
        guard let x = x.baseAddress, let out = y.baseAddress else { return }
        unsafe body(x, out, y.count)
      }
    }
  }
}
