import DecodeKernels
import ModelGraph

extension Attention: ExecutableOperation {
  func bind(result: ValueID, _ binder: inout Binder) throws -> any Step {
    let attended: AttendedPositions
    if mask == .cross {
      guard binder.isOfSource(key), binder.isOfSource(value), !binder.isOfSource(query) else {
        throw ExecutionError.unsupportedOperation(mnemonic: Self.mnemonic, block: binder.blockName)
      }
      attended = .source(entry: binder.sourceEntry(key: key, value: value))
    } else {
      let (keys, values) = (binder.buffer(of: key), binder.buffer(of: value))
      if binder.isOfSource(query) {
        attended = .chunk(keys, values)
      } else if mask != .bidirectional {
        attended = .cached(entry: binder.cacheEntry(width: keyValueHeadCount * headWidth), keys, values)
      } else {
        throw ExecutionError.unsupportedOperation(mnemonic: Self.mnemonic, block: binder.blockName)
      }
    }
    return AttentionStep(
      attention: self, bias: try bias.map { try BucketedBias($0, of: self, &binder) }, attended: attended,
      query: binder.buffer(of: query), output: binder.result(result))
  }
}

/// Where an attention finds keys and values.
private enum AttendedPositions {
  /// In the chunk, which is the whole sequence.
  case chunk(ActivationBuffer, ActivationBuffer)
  /// In an entry of the cache, after the chunk's own were appended.
  case cached(entry: Int, ActivationBuffer, ActivationBuffer)
  /// In what the cache holds of the source.
  case source(entry: Int)
}

/// Puts the source's keys and values for one cross attention into the cache.
struct KeepSourceStep: Step {
  let entry: Int
  let key: ActivationBuffer
  let value: ActivationBuffer

  func run(in frame: Frame) {
    key.read(frame.tokenCount) { keys in
      value.read(frame.tokenCount) { values in frame.cache.setSource(keys, values, ofEntry: entry) }
    }
  }
}

private struct AttentionStep: Step {
  /// Multiplications that make a piece of work worth handing to another thread.
  private static let pieceProductCount = 1 << 16

  let attention: Attention
  let bias: BucketedBias?
  let attended: AttendedPositions
  let query: ActivationBuffer
  let output: ActivationBuffer

  func run(in frame: Frame) {
    let tokenCount = frame.tokenCount
    switch attended {
    case .chunk(let key, let value):
      key.read(tokenCount) { keys in
        value.read(tokenCount) { values in attend(keys, values, positionCount: tokenCount, frame) }
      }
    case .cached(let entry, let key, let value):
      key.read(tokenCount) { keys in
        value.read(tokenCount) { values in frame.cache.append(keys, values, toEntry: entry) }
      }
      frame.cache.withEntry(entry) { attend($0, $1, positionCount: frame.position + tokenCount, frame) }
    case .source(let entry):
      frame.cache.withSource(ofEntry: entry) { attend($0, $1, positionCount: frame.cache.sourceLength, frame) }
    }
  }

  /// Shares out the heads of all queries over the threads; each is computed whole by one of them.
  private func attend(_ keys: Span<Float>, _ values: Span<Float>, positionCount: Int, _ frame: Frame) {
    let (attention, bias, vectors, scratch) = (attention, bias, frame.vectors, frame.scratch)
    let (headCount, headWidth, firstPosition) = (attention.headCount, attention.headWidth, frame.position)
    let longest = attention.visible(from: firstPosition + frame.tokenCount - 1, of: positionCount).count
    let headsPerPiece = max(1, Self.pieceProductCount / (2 * longest * headWidth))
    query.read(frame.tokenCount) { queries in
      output.update(frame.tokenCount) { output in
        frame.pool.forEachChunk(of: &output, chunkLength: headsPerPiece * headWidth) { piece, heads in
          scratch.withArray(longest) { scores in
            for number in 0..<heads.count / headWidth {
              let (token, head) = (piece * headsPerPiece + number).quotientAndRemainder(dividingBy: headCount)
              let keyValueHead = head / (headCount / attention.keyValueHeadCount)
              let queryStart = (token * headCount + head) * headWidth
              heads.lend(number * headWidth..<(number + 1) * headWidth) { output in
                vectors.attend(
                  query: queries.extracting(queryStart..<queryStart + headWidth), keys: keys, values: values,
                  positions: attention.visible(from: firstPosition + token, of: positionCount),
                  stride: attention.keyValueHeadCount * headWidth, offset: keyValueHead * headWidth,
                  scale: attention.scale, bias: bias?.seen(from: firstPosition + token, byHead: head),
                  scores: &scores, into: &output)
              }
            }
          }
        }
      }
    }
  }
}

extension Attention {
  /// Those of `count` positions that a query at `position` looks at.
  func visible(from position: Int, of count: Int) -> Range<Int> {
    switch mask {
    case .causal: 0..<position + 1
    case .window(let width): max(0, position + 1 - width)..<position + 1
    case .bidirectional, .cross: 0..<count
    }
  }
}

extension VectorKernels {
  /// One query head over a range of positions, as without `bias`, which is added to the scaled products.
  fileprivate func attend(
    query: Span<Float>, keys: Span<Float>, values: Span<Float>, positions: Range<Int>, stride: Int, offset: Int,
    scale: Float, bias: BucketedBias.Seen?, scores: inout MutableSpan<Float>, into output: inout MutableSpan<Float>
  ) {
    guard let bias else {
      return attend(
        query: query, keys: keys, values: values, positions: positions, stride: stride, offset: offset, scale: scale,
        scores: &scores, into: &output)
    }
    func head(of position: Int) -> Range<Int> {
      let start = position * stride + offset
      return start..<start + query.count
    }
    for (index, position) in positions.enumerated() {
      scores[index] = scale * dot(query, keys.extracting(head(of: position))) + bias[position]
    }
    scores.lend(0..<positions.count) { softmax(&$0) }
    output.update(repeating: 0)
    for (index, position) in positions.enumerated() {
      addScaled(values.extracting(head(of: position)), by: scores[index], into: &output)
    }
  }
}
