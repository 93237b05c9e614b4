import LinearAlgebra
import Parallelism
import Testing

@Suite struct GramTests {
  @Test(arguments: [(width: 1, tokens: 3), (width: 5, tokens: 1), (width: 130, tokens: 700), (width: 600, tokens: 33)])
  func equalsANaiveSum(width: Int, tokens: Int) {
    var random = Normal(seed: UInt64(width))
    let x = random.floats(tokens * width)
    var gram = Gram(width: width)
    let half = tokens / 2
    let pool = WorkerPool(threadCount: 2)
    gram.add(x.span.extracting(0..<half * width), tokenCount: half, pool: pool)
    gram.add(x.span.extracting(half * width..<x.count), tokenCount: tokens - half, pool: pool)
    #expect(gram.tokenCount == tokens)
    var largest = 0.0
    for i in 0..<width {
      for j in 0..<width {
        var sum = 0.0
        for token in 0..<tokens { sum += Double(x[token * width + i]) * Double(x[token * width + j]) }
        largest = max(largest, abs(gram.matrix[i, j] - sum))
      }
    }
    // Sums of `tokens` products of standard normal numbers, in 24 bits; the largest is some `tokens`.
    #expect(largest < 1e-6 * Double(tokens + 9))
    #expect(gram.matrix == gram.matrix.transposed)
    let mean = (0..<tokens).reduce(0.0) { $0 + Double(x[$1 * width]) * Double(x[$1 * width]) } / Double(tokens)
    #expect(abs(Double(gram.meanSquares[0]) - mean) < 1e-6 * max(1, mean))
  }

  @Test func doesNotDependOnTheNumberOfThreads() {
    var random = Normal(seed: 3)
    let (width, tokens) = (650, 1_100)
    let x = random.floats(tokens * width)
    let grams = [1, 2, 5].map { threadCount in
      var gram = Gram(width: width)
      gram.add(x.span, tokenCount: tokens, pool: WorkerPool(threadCount: threadCount))
      return gram
    }
    #expect(grams[0] == grams[1] && grams[0] == grams[2])
  }

  @Test func aMillionTokensKeepTheirDigits() {
    // In single precision alone, the sum stops growing at 2²⁴.
    var gram = Gram(width: 1)
    let ones = [Float](repeating: 1, count: 1 << 20)
    for _ in 0..<20 { gram.add(ones.span, tokenCount: ones.count, pool: WorkerPool(threadCount: 1)) }
    #expect(gram.matrix[0, 0] == Double(20 << 20))
  }

  @Test(arguments: [Float.nan, .infinity]) func anInputThatIsNotFiniteIsSeen(value: Float) {
    var random = Normal(seed: 4)
    var x = random.floats(10 * 140)
    var gram = Gram(width: 140)
    gram.add(x.span, tokenCount: 10, pool: WorkerPool(threadCount: 1))
    #expect(gram.isFinite)
    x[7 * 140 + 139] = value
    gram.add(x.span, tokenCount: 10, pool: WorkerPool(threadCount: 1))
    #expect(!gram.isFinite)
  }

  @Test func nothingSummedIsAllZero() {
    let gram = Gram(width: 3)
    #expect(gram.meanSquares == [0, 0, 0] && gram.isFinite && gram.tokenCount == 0)
    #expect(Gram.byteCount(width: 3) == 72)
  }

  @Test func mapsToTheGramOfMappedInputs() {
    var random = Normal(seed: 5)
    let (width, tokens) = (24, 50)
    let x = random.floats(tokens * width)
    let v = Matrix(rowCount: 7, columnCount: width, floats: random.floats(7 * width))
    var gram = Gram(width: width)
    gram.add(x.span, tokenCount: tokens, pool: WorkerPool(threadCount: 1))
    let mapped = Matrix.product(
      Matrix(rowCount: tokens, columnCount: width, floats: x), v, transposingB: true)
    let expected = Matrix.product(mapped, mapped, transposingA: true)
    #expect(gram.mapped(by: v).matrix.largestDifference(from: expected) < 1e-3)
    #expect(gram.mapped(by: v).tokenCount == tokens)
  }
}
