import Synchronization

/// Arrays that threads take for a piece of work and put back, so that none is allocated in steady state.
public final class ScratchShelf: Sendable {
  private let arrays = Mutex<[[Float]]>([])

  public init() {}

  /// Lends `count` elements of any value.
  public func withArray(_ count: Int, _ body: (inout MutableSpan<Float>) -> Void) {
    var array = arrays.withLock { $0.popLast() } ?? []
    if array.count < count {
      // By half more than needed, because contexts grow by one token at a time.
      array = [Float](repeating: 0, count: count + count / 2)
    }
    var whole = array.mutableSpan
    var part = whole._mutatingExtracting(0..<count)
    body(&part)
    arrays.withLock { $0.append(array) }
  }
}
