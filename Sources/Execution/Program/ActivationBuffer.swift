/// Room for the rows of one value at a time, `width` elements for each token of the current chunk.
///
/// Values whose lives do not overlap share a buffer. It grows to the longest chunk seen and stays.
final class ActivationBuffer {
  let width: Int
  private var elements: [Float] = []

  init(width: Int) { self.width = width }

  /// Lends the first `tokenCount` rows for reading.
  func read<Result>(_ tokenCount: Int, _ body: (Span<Float>) throws -> Result) rethrows -> Result {
    let elements = elements
    return try body(elements.span.extracting(0..<tokenCount * width))
  }

  /// Lends the first `tokenCount` rows for writing. What was in them is still there.
  func update<Result>(_ tokenCount: Int, _ body: (inout MutableSpan<Float>) throws -> Result) rethrows -> Result {
    let count = tokenCount * width
    if elements.count < count { elements.append(contentsOf: repeatElement(0, count: count - elements.count)) }
    return try elements.lend(0..<count, body)
  }

  /// Makes the first `tokenCount` rows a copy of those of `other`, which has the same width.
  func copy(_ tokenCount: Int, from other: ActivationBuffer) {
    other.read(tokenCount) { source in update(tokenCount) { $0.copy(from: source) } }
  }
}

extension [Float] {
  /// Lends the elements of `range` for writing, in place.
  mutating func lend<Result>(
    _ range: Range<Int>, _ body: (inout MutableSpan<Float>) throws -> Result
  ) rethrows -> Result {
    var span = mutableSpan
    return try span.lend(range, body)
  }
}

extension MutableSpan<Float> {
  /// Lends the elements of `range` for writing.
  mutating func lend<Result>(
    _ range: Range<Int>, _ body: (inout MutableSpan<Float>) throws -> Result
  ) rethrows -> Result {
    var part = _mutatingExtracting(range)
    return try body(&part)
  }

  /// Overwrites all elements with those of `source`, which are as many.
  mutating func copy(from source: Span<Float>) {
    precondition(count == source.count)
    for index in 0..<count { self[index] = source[index] }
  }
}
