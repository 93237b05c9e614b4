import TensorCore

/// U·V.
struct LowRankMatrix: LinearOperator {
  let u: any LinearOperator
  let v: any LinearOperator
  let context: KernelContext

  var shape: MatrixShape { MatrixShape(outputCount: u.shape.outputCount, inputCount: v.shape.inputCount) }

  func apply(_ x: Span<Float>, tokenCount: Int, into y: inout MutableSpan<Float>) {
    context.scratch.withArray(tokenCount * u.shape.inputCount) { hidden in
      v.apply(x, tokenCount: tokenCount, into: &hidden)
      u.apply(hidden.span, tokenCount: tokenCount, into: &y)
    }
  }

  func decodeRow(_ index: Int, into row: inout MutableSpan<Float>) {
    context.scratch.withArray(u.shape.inputCount) { factors in
      u.decodeRow(index, into: &factors)
      context.sumRows(of: v, times: factors.span, from: 0, into: &row)
    }
  }
}

/// The sum of two matrices of the same shape.
struct SumMatrix: LinearOperator {
  let first: any LinearOperator
  let second: any LinearOperator
  let context: KernelContext

  var shape: MatrixShape { first.shape }

  func apply(_ x: Span<Float>, tokenCount: Int, into y: inout MutableSpan<Float>) {
    first.apply(x, tokenCount: tokenCount, into: &y)
    context.scratch.withArray(y.count) { more in
      second.apply(x, tokenCount: tokenCount, into: &more)
      context.vectors.add(more.span, into: &y)
    }
  }

  func decodeRow(_ index: Int, into row: inout MutableSpan<Float>) {
    first.decodeRow(index, into: &row)
    context.scratch.withArray(row.count) { more in
      second.decodeRow(index, into: &more)
      context.vectors.add(more.span, into: &row)
    }
  }
}

/// A·C·B between block-diagonal A and B, each given as its blocks one below the other.
struct WrappedMatrix: LinearOperator {
  let outputBlocks: EncodedMatrix
  let core: any LinearOperator
  let inputBlocks: EncodedMatrix
  let context: KernelContext

  var shape: MatrixShape { core.shape }

  func apply(_ x: Span<Float>, tokenCount: Int, into y: inout MutableSpan<Float>) {
    context.scratch.withArray(x.count) { inputs in
      inputBlocks.applyBlocks(x, tokenCount: tokenCount, into: &inputs)
      context.scratch.withArray(y.count) { outputs in
        core.apply(inputs.span, tokenCount: tokenCount, into: &outputs)
        outputBlocks.applyBlocks(outputs.span, tokenCount: tokenCount, into: &y)
      }
    }
  }

  func decodeRow(_ index: Int, into row: inout MutableSpan<Float>) {
    let width = inputBlocks.shape.inputCount
    context.scratch.withArray(row.count) { combined in
      context.scratch.withArray(width) { factors in
        outputBlocks.decodeRow(index, into: &factors)
        context.sumRows(of: core, times: factors.span, from: index / width * width, into: &combined)
      }
      for first in stride(from: 0, to: row.count, by: width) {
        var part = row._mutatingExtracting(first..<first + width)
        context.sumRows(
          of: inputBlocks, times: combined.span.extracting(first..<first + width), from: first, into: &part)
      }
    }
  }
}

extension KernelContext {
  /// sum = Σ factors[k] · row `first` + k of `matrix`.
  fileprivate func sumRows(
    of matrix: any LinearOperator, times factors: Span<Float>, from first: Int, into sum: inout MutableSpan<Float>
  ) {
    sum.update(repeating: 0)
    scratch.withArray(sum.count) { row in
      for index in factors.indices {
        matrix.decodeRow(first + index, into: &row)
        vectors.addScaled(row.span, by: factors[index], into: &sum)
      }
    }
  }
}
