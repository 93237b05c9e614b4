import Execution
import Foundation
import TestSupport
import Testing

@Suite struct GenerationTests {
  @Test(arguments: ["novelist-dense", "novelist-moe"])
  func greedyEqualsTransformers(name: String) throws {
    let document = try JSONSerialization.jsonObject(
      with: Data(contentsOf: URL(fileURLWithPath: Fixtures.path("golden/\(name).json"))))
    let greedy = try #require((document as? [String: Any])?["greedy"] as? [String: Any])
    let prompt = try #require(greedy["prompt_ids"] as? [Int]), expected = try #require(greedy["ids"] as? [Int])
    let run = try generate(try TinyModel("models/" + name), prompt, limit: expected.count)
    #expect(run.ids == expected)
    #expect(run.ids.count == 64 && run.reason == .tokenLimit)
  }

  @Test func aStopTokenEndsItAndIsNotGiven() throws {
    let model = try TinyModel("tiny/llama")
    let free = try generate(model, [5, 6, 7], limit: 20).ids
    let stop = free[6]
    let first = try #require(free.firstIndex(of: stop))
    let run = try generate(model, [5, 6, 7], limit: 20, stopIDs: [511, stop])
    #expect(run.ids == Array(free[..<first]) && run.reason == .stopToken)
  }

  @Test func aFullContextEndsIt() throws {
    let model = try TinyModel("tiny/llama")
    let run = try generate(model, [5, 6, 7], limit: 20, contextLength: 8)
    // Five more fit in; the token after the eighth is known but has no place.
    #expect(run.ids.count == 6 && run.reason == .contextFull)
    #expect(run.ids == Array(try generate(model, [5, 6, 7], limit: 20).ids[..<6]))
    let full = try generate(model, [5, 6, 7], limit: 20, contextLength: 3)
    #expect(full.ids.count == 1 && full.reason == .contextFull)
    #expect(throws: ExecutionError.contextExceeded(tokenCount: 3, contextLength: 2)) {
      try generate(model, [5, 6, 7], limit: 20, contextLength: 2)
    }
  }

  @Test func theReceiverCanEndIt() throws {
    let model = try TinyModel("tiny/llama")
    let loop = GenerationLoop(executor: model.executor, stopIDs: [], tokenCountLimit: 20)
    var sampler = Sampler(try SamplerOptions.greedy)
    var count = 0
    let reason = try loop.run(prompt: [5], cache: try model.executor.makeCache(), sampler: &sampler) { _ in
      count += 1
      return count < 3
    }
    #expect(count == 3 && reason == .consumer)
  }

  @Test func anEmptyPromptIsRefused() throws {
    let model = try TinyModel("tiny/llama")
    #expect(throws: ExecutionError.emptyPrompt) { try generate(model, [], limit: 20) }
  }

  @Test func theSeedDecidesWhatIsGenerated() throws {
    let model = try TinyModel("tiny/qwen3-moe")
    func sample(_ seed: UInt64) throws -> [Int] {
      try generate(model, [5, 6, 7], limit: 30, options: try SamplerOptions(topP: 1, seed: seed)).ids
    }
    #expect(try sample(1) == sample(1))
    #expect(try sample(1) != sample(2))
  }

  /// A penalty so strong that nothing present can be chosen again.
  @Test func thePenaltyCountsPromptAndGeneratedTokens() throws {
    let model = try TinyModel("tiny/llama")
    let options = try SamplerOptions(temperature: 0, repetitionPenalty: 100)
    let ids = try generate(model, [5, 6, 7], limit: 60, options: options).ids
    #expect(Set(ids + [5, 6, 7]).count == 63)
  }

  @discardableResult
  private func generate(
    _ model: TinyModel, _ prompt: [Int], limit: Int, stopIDs: [Int] = [], contextLength: Int? = nil,
    options: SamplerOptions? = nil
  ) throws -> (ids: [Int], reason: StopReason) {
    var ids: [Int] = []
    var sampler = Sampler(try options ?? SamplerOptions.greedy)
    let loop = GenerationLoop(executor: model.executor, stopIDs: stopIDs, tokenCountLimit: limit)
    let cache = try model.executor.makeCache(contextLength: contextLength)
    let reason = try loop.run(prompt: prompt, cache: cache, sampler: &sampler) {
      ids.append($0)
      return true
    }
    return (ids, reason)
  }
}
