/// The keys and values of the tokens seen so far, for every attention of a graph, as 32-bit floats; and those of a source
/// for every cross attention.
///
/// Room for tokens is made as they come, doubling up to `contextLength`. A windowed attention keeps all positions too.
public final class KeyValueCache {
  private static let firstRoom = 64

  /// Most tokens it can hold.
  public let contextLength: Int
  /// Tokens in it: the position of the next one.
  public private(set) var length = 0
  /// Tokens of the source; 0 before it was read.
  public private(set) var sourceLength = 0

  /// Elements of one position of each entry.
  let widths: [Int]
  /// (position, width) for each entry.
  private var keys: [[Float]]
  private var values: [[Float]]
  /// (position of the source, width) for each cross attention.
  private var sourceKeys: [[Float]]
  private var sourceValues: [[Float]]

  /// - Parameter crossCount: cross attentions.
  init(contextLength: Int, widths: [Int], crossCount: Int) {
    self.contextLength = contextLength
    self.widths = widths
    keys = [[Float]](repeating: [], count: widths.count)
    values = keys
    sourceKeys = [[Float]](repeating: [], count: crossCount)
    sourceValues = sourceKeys
  }

  /// Bytes its room occupies.
  public var byteCount: Int {
    [keys, values, sourceKeys, sourceValues].joined().reduce(0) { $0 + $1.count } * MemoryLayout<Float>.size
  }

  /// Forgets all tokens, to begin another sequence from the same source, if there is one. The room stays.
  public func reset() { length = 0 }

  /// Takes another source, of `tokenCount` tokens, whose keys and values follow; the tokens are forgotten.
  func beginSource(tokenCount: Int) {
    reset()
    sourceLength = tokenCount
  }

  /// Takes the keys and values of the source, (sourceLength, width) each, for one cross attention.
  func setSource(_ newKeys: Span<Float>, _ newValues: Span<Float>, ofEntry entry: Int) {
    sourceKeys[entry] = Array(copying: newKeys)
    sourceValues[entry] = Array(copying: newValues)
  }

  /// Lends the keys and values of the source, (sourceLength, width) each, for one cross attention.
  func withSource<Result>(ofEntry entry: Int, _ body: (Span<Float>, Span<Float>) throws -> Result) rethrows -> Result {
    let (keys, values) = (sourceKeys[entry], sourceValues[entry])
    return try body(keys.span, values.span)
  }

  /// Writes the keys and values of the tokens that come next, (tokenCount, width) each, to one entry.
  func append(_ newKeys: Span<Float>, _ newValues: Span<Float>, toEntry entry: Int) {
    let start = length * widths[entry]
    let range = start..<start + newKeys.count
    makeRoom(for: range.upperBound / widths[entry], inEntry: entry)
    keys[entry].lend(range) { $0.copy(from: newKeys) }
    values[entry].lend(range) { $0.copy(from: newValues) }
  }

  /// Lends the keys and values of one entry, (position, width), with room behind the last position.
  func withEntry<Result>(_ entry: Int, _ body: (Span<Float>, Span<Float>) throws -> Result) rethrows -> Result {
    let (keys, values) = (keys[entry], values[entry])
    return try body(keys.span, values.span)
  }

  /// Counts the tokens that were appended to all entries.
  func advance(by tokenCount: Int) { length += tokenCount }

  private func makeRoom(for positionCount: Int, inEntry entry: Int) {
    precondition(positionCount <= contextLength)
    let present = keys[entry].count / widths[entry]
    guard present < positionCount else { return }
    let wanted = min(contextLength, max(positionCount, 2 * present, Self.firstRoom))
    let added = repeatElement(Float(0), count: (wanted - present) * widths[entry])
    keys[entry].reserveCapacity(wanted * widths[entry])
    keys[entry].append(contentsOf: added)
    values[entry].reserveCapacity(wanted * widths[entry])
    values[entry].append(contentsOf: added)
  }
}

extension [Float] {
  init(copying elements: Span<Float>) {
    self.init(repeating: 0, count: elements.count)
    lend(elements.indices) { $0.copy(from: elements) }
  }
}
