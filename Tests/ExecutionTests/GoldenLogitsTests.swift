import DecodeKernels
import Execution
import Parallelism
import Testing

/// Bound of the project's promise on logits against transformers; what is found is nearer to 1e-5.
private let promised: Float = 1e-3

private let architectures = [
  "llama", "llama3-rope", "mistral-window", "mixtral", "olmoe", "qwen2", "qwen2-moe", "qwen3", "qwen3-moe",
]

@Suite struct GoldenLogitsTests {
  @Test(arguments: architectures)
  func tinyArchitecture(name: String) throws {
    let model = try TinyModel("tiny/" + name)
    let golden = try Golden("tiny/\(name)/golden.safetensors")
    let found = try model.logits(golden.ids)
    #expect(largestDifference(found, golden.logits) < 1e-4)
  }

  @Test(arguments: ["novelist-dense", "novelist-moe"])
  func novelist(name: String) throws {
    let model = try TinyModel("models/" + name)
    let golden = try Golden("golden/\(name).safetensors")
    let found = try model.logits(golden.ids)
    #expect(largestDifference(found, golden.logits) < promised)
  }

  @Test(arguments: architectures, InstructionSet.supported)
  func instructionSetsAgree(name: String, instructionSet: InstructionSet) throws {
    let golden = try Golden("tiny/\(name)/golden.safetensors")
    let found = try TinyModel("tiny/" + name, instructionSet: instructionSet).logits(golden.ids)
    #expect(largestDifference(found, golden.logits) < 1e-4)
  }

  @Test(arguments: architectures)
  func threadsDoNotMatter(name: String) throws {
    let ids = try Golden("tiny/\(name)/golden.safetensors").ids
    let one = try TinyModel("tiny/" + name, threadCount: 1).logits(ids)
    for threadCount in [2, 3] {
      let found = try TinyModel("tiny/" + name, threadCount: threadCount).logits(ids)
      #expect(found.map(\.bitPattern) == one.map(\.bitPattern))
    }
  }

  @Test(arguments: architectures, [1, 7, 48])
  func chunksDoNotMatter(name: String, chunkTokenCount: Int) throws {
    let golden = try Golden("tiny/\(name)/golden.safetensors")
    let whole = try TinyModel("tiny/" + name).logits(golden.ids)
    let chunked = try TinyModel("tiny/" + name, chunkTokenCount: chunkTokenCount).logits(golden.ids)
    #expect(largestDifference(whole, chunked) < 1e-5)
  }

  @Test(arguments: architectures)
  func decodingEqualsPrefill(name: String) throws {
    let golden = try Golden("tiny/\(name)/golden.safetensors")
    let model = try TinyModel("tiny/" + name)
    let whole = try model.logits(golden.ids)
    let cache = try model.executor.makeCache()
    var decoded: [Float] = []
    try model.executor.forward(Array(golden.ids[..<5]), cache: cache, logits: .all) { _, row in decoded += row.array }
    for (position, id) in golden.ids.enumerated().dropFirst(5) {
      #expect(cache.length == position)
      try model.executor.forward([id], cache: cache, logits: .last) {
        #expect($0 == position)
        decoded += $1.array
      }
    }
    #expect(largestDifference(whole, decoded) < 1e-5)
  }

  @Test func aResetCacheStartsAnotherSequence() throws {
    let model = try TinyModel("tiny/llama")
    let ids = try Golden("tiny/llama/golden.safetensors").ids
    let cache = try model.executor.makeCache()
    let first = try model.logits(ids, cache: cache)
    let byteCount = cache.byteCount
    cache.reset()
    _ = try model.logits(Array(ids.reversed()), cache: cache)
    cache.reset()
    #expect(try model.logits(ids, cache: cache) == first)
    // 64 positions of 2 heads of 16 floats, keys and values, in 2 layers.
    #expect(byteCount == 64 * 2 * 16 * 4 * 2 * 2)
    #expect(cache.byteCount == byteCount)
  }

  @Test func onlyTheLogitsWantedAreHandedOut() throws {
    let model = try TinyModel("tiny/llama", chunkTokenCount: 7)
    let ids = try Golden("tiny/llama/golden.safetensors").ids
    let all = try model.logits(ids)
    var positions: [Int] = []
    let cache = try model.executor.makeCache()
    try model.executor.forward(ids, cache: cache, logits: .none) { position, _ in positions.append(position) }
    #expect(positions.isEmpty && cache.length == ids.count)
    cache.reset()
    var last: [Float] = []
    try model.executor.forward(ids, cache: cache, logits: .last) {
      positions.append($0)
      last = $1.array
    }
    #expect(positions == [ids.count - 1])
    #expect(largestDifference(last, Array(all.suffix(last.count))) < 1e-5)
  }
}
