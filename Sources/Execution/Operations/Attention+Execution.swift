import ModelGraph

extension Attention: ExecutableOperation {
  func bind(result: ValueID, _ binder: inout Binder) throws -> any Step {
    AttentionStep(
      attention: self, cacheEntry: binder.cacheEntry(width: keyValueHeadCount * headWidth),
      query: binder.buffer(of: query), key: binder.buffer(of: key), value: binder.buffer(of: value),
      output: binder.result(result))
  }
}

private struct AttentionStep: Step {
  /// Multiplications that make a piece of work worth handing to another thread.
  private static let pieceProductCount = 1 << 16

  let attention: Attention
  let cacheEntry: Int
  let query: ActivationBuffer
  let key: ActivationBuffer
  let value: ActivationBuffer
  let output: ActivationBuffer

  func run(in frame: Frame) {
    let tokenCount = frame.tokenCount
    key.read(tokenCount) { keys in
      value.read(tokenCount) { values in frame.cache.append(keys, values, toEntry: cacheEntry) }
    }
    frame.cache.withEntry(cacheEntry) { keys, values in
      query.read(tokenCount) { queries in
        output.update(tokenCount) { attend(queries, keys, values, frame, into: &$0) }
      }
    }
  }

  /// Shares out the heads of all queries over the threads; each is computed whole by one of them.
  private func attend(
    _ queries: Span<Float>, _ keys: Span<Float>, _ values: Span<Float>, _ frame: Frame,
    into output: inout MutableSpan<Float>
  ) {
    let (attention, vectors, scratch, firstPosition) = (attention, frame.vectors, frame.scratch, frame.position)
    let (headCount, headWidth) = (attention.headCount, attention.headWidth)
    let longest = attention.visible(from: firstPosition + frame.tokenCount - 1).count
    let headsPerPiece = max(1, Self.pieceProductCount / (2 * longest * headWidth))
    frame.pool.forEachChunk(of: &output, chunkLength: headsPerPiece * headWidth) { piece, heads in
      scratch.withArray(longest) { scores in
        for number in 0..<heads.count / headWidth {
          let (token, head) = (piece * headsPerPiece + number).quotientAndRemainder(dividingBy: headCount)
          let keyValueHead = head / (headCount / attention.keyValueHeadCount)
          let queryStart = (token * headCount + head) * headWidth
          heads.lend(number * headWidth..<(number + 1) * headWidth) { output in
            vectors.attend(
              query: queries.extracting(queryStart..<queryStart + headWidth), keys: keys, values: values,
              positions: attention.visible(from: firstPosition + token),
              stride: attention.keyValueHeadCount * headWidth, offset: keyValueHead * headWidth,
              scale: attention.scale, scores: &scores, into: &output)
          }
        }
      }
    }
  }
}

extension Attention {
  /// The positions that a query at `position` looks at.
  func visible(from position: Int) -> Range<Int> {
    switch mask {
    case .causal: 0..<position + 1
    case .window(let width): max(0, position + 1 - width)..<position + 1
    }
  }
}
