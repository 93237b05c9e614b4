import Synchronization

/// Arrays that threads take for a piece of work and put back, so that none is allocated in steady state.
final class ScratchShelf: Sendable {
  private let arrays = Mutex<[[Float]]>([])

  /// Lends an array of at least `count` elements of any value.
  func withArray<Result>(_ count: Int, _ body: (inout MutableSpan<Float>) -> Result) -> Result {
    var array = arrays.withLock { $0.popLast() } ?? []
    if array.count < count {
      // By half more than needed, because contexts grow by one token at a time.
      array = [Float](repeating: 0, count: count + count / 2)
    }
    let result = array.lend(0..<count, body)
    arrays.withLock { $0.append(array) }
    return result
  }
}
