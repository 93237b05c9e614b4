import DecodeKernels
import Diagnostics
import Execution
import ModelGraph
import Parallelism
import TensorCore
import Testing

@Suite struct ExecutorErrorTests {
  @Test(arguments: [-1, 512, Int.max, Int.min])
  func idsOutsideTheVocabularyAreRefusedBeforeAnythingRuns(id: Int) throws {
    let executor = try TinyModel("tiny/llama", chunkTokenCount: 1).executor
    let cache = try executor.makeCache()
    let expected = ExecutionError.tokenOutOfRange(id: id, index: 2, vocabularyCount: 512)
    #expect(expected.diagnosis.status == .malformedInput)
    #expect(throws: expected) { try executor.forward([1, 2, id], cache: cache, logits: .last) }
    #expect(cache.length == 0)
    var hidden = [Float](repeating: 0, count: 3 * 64)
    var span = hidden.mutableSpan
    #expect(throws: expected) { try executor.embed([1, 2, id], into: &span) }
  }

  @Test func aPromptLongerThanTheContextIsRefused() throws {
    let executor = try TinyModel("tiny/llama").executor
    let cache = try executor.makeCache(contextLength: 10)
    let ids = [Int](repeating: 3, count: 10)
    try executor.forward(Array(ids[..<4]), cache: cache, logits: .none)
    let expected = ExecutionError.contextExceeded(tokenCount: 11, contextLength: 10)
    #expect(expected.diagnosis.status == .malformedInput)
    #expect(throws: expected) { try executor.forward(Array(ids[..<7]), cache: cache, logits: .none) }
    #expect(cache.length == 4)
    try executor.forward(Array(ids[..<6]), cache: cache, logits: .none)
    #expect(cache.length == 10)
    #expect(throws: expected) { try executor.forward([3], cache: cache, logits: .none) }
    // No more room was made than the context has.
    #expect(cache.byteCount == 10 * 2 * 16 * 4 * 2 * 2)
  }

  @Test(arguments: [0, -1, 257])
  func aContextTheModelWasNotMadeForIsRefused(contextLength: Int) throws {
    let executor = try TinyModel("tiny/llama").executor
    let expected = ExecutionError.contextOutOfRange(requested: contextLength, limit: 256)
    #expect(expected.diagnosis.status == .usage)
    #expect(throws: expected) { try executor.makeCache(contextLength: contextLength) }
  }

  @Test func operatorsOfAnotherShapeAreRefusedByName() throws {
    #expect(throws: ExecutionError.parameterDimensions(name: "w", expected: [5, 8], found: [8, 5])) {
      try SmallProgram(width: 8, outputWidth: 5, tokenCount: 4) { x, writer, operators in
        operators.randomize("w", outputCount: 8, inputCount: 5, seed: 2)
        return writer.add(Linear(input: x, weight: "w", outputCount: 5))
      }
    }
    #expect(throws: ExecutionError.parameterDimensions(name: "norm", expected: [8], found: [3])) {
      try SmallProgram(width: 8, tokenCount: 4) { x, writer, operators in
        operators.vectors["norm"] = [1, 2, 3]
        return writer.add(RMSNorm(input: x, weight: "norm", span: 8, epsilon: 1e-5))
      }
    }
    #expect(throws: MissingParameter(name: "w")) {
      try SmallProgram(width: 8, tokenCount: 4) { x, writer, _ in
        writer.add(Linear(input: x, weight: "w", outputCount: 8))
      }
    }
  }

  @Test func aGraphThatDoesNotVerifyIsRefused() throws {
    let checkpoint = try TinyCheckpoint("tiny/llama", context: KernelContext(pool: WorkerPool(threadCount: 1)))
    var graph = checkpoint.graph
    graph.parameters.removeLast()
    #expect(throws: GraphError.self) {
      try Executor(graph: graph, operators: checkpoint, context: checkpoint.context)
    }
  }

  @Test func aHeadWithinTheProgramIsRefused() throws {
    #expect(throws: ExecutionError.unsupportedOperation(mnemonic: "head", block: "body")) {
      try SmallProgram(width: 8, tokenCount: 8) { x, writer, operators in
        operators.randomize("inner", outputCount: 8, inputCount: 8, seed: 2)
        return writer.add(Head(input: x, weight: "inner", vocabularyCount: 8))
      }
    }
  }
}
