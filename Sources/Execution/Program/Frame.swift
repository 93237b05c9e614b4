import DecodeKernels
import Parallelism
import TensorCore

/// What the steps of a program run on: the current chunk of tokens, the cache behind it, and the machine.
final class Frame {
  /// Elements that make one piece of elementwise work, so that a piece is worth handing to another thread.
  private static let pieceElementCount = 1 << 14

  let pool: WorkerPool
  let vectors: VectorKernels
  let scratch = ScratchShelf()
  let routing = Routing()
  /// Whether tokens do without the experts that their mixtures let them skip.
  var skipsExperts = false
  private let noCache = KeyValueCache(contextLength: 0, widths: [], crossCount: 0)

  /// Tokens of the chunk.
  private(set) var tokenCount = 0
  /// Ids of the chunk's tokens, where the program begins with ids.
  private(set) var ids: ArraySlice<Int> = []
  /// Keys and values of the tokens before the chunk; the chunk's own are appended as attention runs.
  private(set) var cache: KeyValueCache
  private(set) var observer: (any LinearObserver)?
  /// The observer, where it looks at routing too.
  private(set) var routingObserver: (any RoutingObserver)?

  init(context: KernelContext) {
    pool = context.pool
    vectors = context.vectors
    cache = noCache
  }

  /// Position of the chunk's first token in its sequence.
  var position: Int { cache.length }

  /// Makes the next `tokenCount` tokens after those in `cache` the current chunk.
  func begin(
    tokenCount: Int, ids: ArraySlice<Int> = [], cache: KeyValueCache, observer: (any LinearObserver)?
  ) {
    self.tokenCount = tokenCount
    self.ids = ids
    self.cache = cache
    self.observer = observer
    routingObserver = observer as? any RoutingObserver
  }

  /// Lets go of what the chunk was given from outside.
  func end() {
    ids = []
    cache = noCache
    observer = nil
    routingObserver = nil
  }

  /// Shows `input` to the observer, if there is one.
  func observe(_ name: @autoclosure () -> String, input: Span<Float>, tokenCount: Int) {
    observer?.observe(name(), input: input, tokenCount: tokenCount)
  }

  /// Whether anybody looks at what the linear map `name` makes.
  func needsResult(of name: @autoclosure () -> String) -> Bool { observer?.needsResult(of: name()) ?? true }

  /// Lends `rows`, rows of `width` elements, in pieces of whole rows, concurrently; `body` is given a piece's first element's
  /// index. How rows are cut does not depend on the number of threads.
  func forEachPiece(
    of rows: inout MutableSpan<Float>, width: Int, _ body: @Sendable (Int, inout MutableSpan<Float>) -> Void
  ) {
    let length = max(1, Self.pieceElementCount / width) * width
    pool.forEachChunk(of: &rows, chunkLength: length) { piece, elements in body(piece * length, &elements) }
  }
}

/// The maps from values to values that a program is made of, with buffers and parameters bound.
protocol Step {
  func run(in frame: Frame) throws
}
