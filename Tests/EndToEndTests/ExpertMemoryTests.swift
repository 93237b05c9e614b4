import ByteIO
import DecodeKernels
import Diagnostics
import Execution
import Foundation
import PackFormat
import PackRuntime
import Parallelism
import Synchronization
import TensorCore
import TestSupport
import Testing

/// Experts that are read when they are needed, within a limit.
@Suite struct ExpertMemoryTests {
  static let passes: [[String]] = [
    ["--pass", "quantize bits=4 group=32"],
    // Experts of two sizes.
    ["--pass", "quantize bits=8 group=32 targets=*.experts.1*", "--pass", "quantize bits=3 group=32"],
  ]

  private static func result(_ arguments: [String]) throws -> [String: Any] {
    let run = try CommandRun("swage-run", arguments + ["--json"])
    return try #require(run.json["result"] as? [String: Any], "\(run.error)")
  }

  private static func minimum(of pack: String) throws -> Int {
    let run = try CommandRun("swage-run", ["generate", pack, "--ids", "1", "--expert-memory", "1", "--json"])
    #expect(run.status == 75 && run.errorCode == "model.expert-memory-too-small")
    let fix = try #require((run.json["error"] as? [String: Any])?["fix"] as? String)
    return try #require(fix.split(separator: " ").compactMap { Int($0) }.first, "\(fix)")
  }

  // MARK: - Same results

  @Test(arguments: passes)
  func resultsAreThoseOfAllExperts(passes: [String]) throws {
    let folder = TemporaryFolder()
    let pack = try GoldenTests.compile(Fixtures.path("models/novelist-moe"), into: folder, passes)
    let generate = ["generate", pack, "--prompt", "It was a dark and", "--tokens", "48", "--temperature", "0"]
    let score = ["score", pack, "--text", Fixtures.path("texts/eval.txt"), "--tokens", "1024"]
    let ids = try Self.result(generate)["ids"] as? [Int]
    let perplexity = try Self.result(score)["perplexity"] as? Double
    #expect(ids?.count == 48 && perplexity != nil)
    let minimum = try Self.minimum(of: pack)
    for limit in ["25%", "\(minimum)"] {
      let generated = try Self.result(generate + ["--expert-memory", limit])
      let scored = try Self.result(score + ["--expert-memory", limit])
      #expect(generated["ids"] as? [Int] == ids)
      #expect(scored["perplexity"] as? Double == perplexity)
      for result in [generated, scored] {
        let experts = try #require(result["experts"] as? [String: Any])
        let figures = try ["peak_bytes", "limit_bytes", "total_bytes", "loaded_bytes", "hits", "misses", "stalls"].map {
          try #require(experts[$0] as? Int, "\($0)")
        }
        #expect(figures[0] > 0 && figures[0] <= figures[1] && figures[1] * 4 <= figures[2])
        #expect(figures[3] > figures[2] / 4 && figures[5] > 0 && figures[6] <= figures[4] + figures[5])
        for key in ["stall_seconds", "prefetched", "prefetched_used"] { #expect(experts[key] as? Double != nil) }
      }
      // A token visits two experts in each of four layers; the prompt's tokens visit up to sixteen.
      let experts = try #require(generated["experts"] as? [String: Any])
      let uses = (experts["hits"] as? Int ?? 0) + (experts["misses"] as? Int ?? 0)
      #expect(uses >= 8 * 48 && uses <= 8 * 47 + 4 * 16)
    }
  }

  @Test func benchAndPeopleAreToldToo() throws {
    let folder = TemporaryFolder()
    let pack = try GoldenTests.compile(Fixtures.path("tiny/qwen3-moe"), into: folder)
    let sizes = ["--prompt-tokens", "8", "--generate-tokens", "8", "--repetitions", "1"]
    let limited = try Self.result(["bench", pack, "--expert-memory", "50%"] + sizes)
    #expect((limited["experts"] as? [String: Any])?["misses"] as? Int ?? 0 > 0)
    #expect(try Self.result(["bench", pack] + sizes)["experts"] is NSNull)
    let run = try CommandRun("swage-run", ["generate", pack, "--ids", "1", "--tokens", "4", "--expert-memory", "50%"])
    #expect(run.status == 0 && run.error.contains("uses in memory"), "\(run.error)")
    let plain = try Self.result(["generate", pack, "--ids", "1", "--tokens", "4"])
    #expect(plain["experts"] is NSNull && plain["tokens_per_second"] as? Double ?? 0 > 0)
  }

  // MARK: - Limits that cannot be kept

  @Test func lessThanATokenNeedsIsRefusedWithTheMinimum() throws {
    let folder = TemporaryFolder()
    let pack = try GoldenTests.compile(Fixtures.path("tiny/qwen3-moe"), into: folder)
    let minimum = try Self.minimum(of: pack)
    #expect(minimum > 0 && minimum % 4_096 == 0)
    for command in [["generate", pack, "--ids", "1", "--tokens", "2"], ["score", pack, "--ids", "1,2,3"]] {
      let enough = try CommandRun("swage-run", command + ["--expert-memory", "\(minimum)"])
      #expect(enough.status == 0, "\(enough.error)")
      let few = try CommandRun("swage-run", command + ["--expert-memory", "\(minimum - 1)"])
      #expect(few.status == 75 && few.error.contains("\(minimum)") && few.output.isEmpty)
      #expect(try CommandRun("swage-run", command + ["--expert-memory", "0%"]).status == 75)
    }
    for wrong in ["x", "-1", "5%%"] {
      let run = try CommandRun("swage-run", ["score", pack, "--ids", "1,2", "--expert-memory=\(wrong)"])
      #expect(run.status == 64, "\(wrong)")
    }
  }

  @Test func aModelWithoutExpertsIsRefused() throws {
    let folder = TemporaryFolder()
    let pack = try GoldenTests.compile(Fixtures.path("tiny/llama"), into: folder)
    let run = try CommandRun("swage-run", ["generate", pack, "--ids", "1", "--expert-memory", "1GiB", "--json"])
    #expect(run.status == 64 && run.errorCode == "model.no-experts")
  }

  // MARK: - Bad input at first touch

  /// A pack in memory that says which bytes were touched, and of which one place can be made to fail.
  private final class WatchedBytes: ReadableBytes {
    let bytes: InMemoryBytes
    let lent = Mutex<[Range<Int>]>([])
    let copied = Mutex<[Range<Int>]>([])
    let badPlace = Mutex<Int?>(nil)

    init(_ bytes: [UInt8]) { self.bytes = InMemoryBytes(bytes) }

    var byteCount: Int { bytes.byteCount }

    func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
      lent.withLock { $0.append(range) }
      return try bytes.withBytes(range, body)
    }

    func read(at offset: Int, into span: inout MutableSpan<UInt8>) throws(ByteIOError) {
      let range = offset..<offset + span.count
      copied.withLock { $0.append(range) }
      if let place = badPlace.withLock({ $0 }), range.contains(place) {
        throw .readFailed(path: "sample", errorNumber: EIO)
      }
      try bytes.read(at: offset, into: &span)
    }
  }

  private static func open(_ bytes: some ReadableBytes) throws -> PackedModel {
    try PackedModel(
      PackReader(bytes, path: "sample"), context: DamagedPackTests.context, expertMemory: .share(0.3))
  }

  private static func logits(_ model: PackedModel) throws -> [Float] {
    var logits: [Float] = []
    try model.executor.forward([1, 2, 3], cache: model.executor.makeCache(), logits: .all) { _, row in
      for index in row.indices { logits.append(row[index]) }
    }
    return logits
  }

  /// The places of the sections of experts.
  private static func expertRanges(_ bytes: [UInt8]) throws -> [Range<Int>] {
    let reader = try PackReader(InMemoryBytes(bytes), path: "sample")
    let sections = Set(reader.parameters.filter { $0.parameter.role == "expert" }.map(\.placement.section)).sorted()
    #expect(sections.count == 16)
    return sections.map { reader.sections[$0].range }
  }

  @Test func openingTouchesNoExpert() throws {
    let sample = try #require(DamagedPackTests.sample)
    let watched = WatchedBytes(sample.bytes)
    let ranges = try Self.expertRanges(sample.bytes)
    let model = try Self.open(watched)
    #expect(watched.copied.withLock { $0 } == [])
    #expect(try Self.logits(model) == sample.logits)
    for range in watched.lent.withLock({ $0 }) { #expect(!ranges.contains { $0.overlaps(range) }, "\(range)") }
    #expect(watched.copied.withLock { copied in copied.allSatisfy { read in ranges.contains { $0.overlaps(read) } } })
    #expect(watched.copied.withLock { $0.count } > 0)
  }

  @Test func aDiskThatFailsEndsThePassUntilItRecovers() throws {
    let sample = try #require(DamagedPackTests.sample)
    let ranges = try Self.expertRanges(sample.bytes)
    var failureCount = 0
    for range in ranges {
      let watched = WatchedBytes(sample.bytes)
      let model = try Self.open(watched)
      watched.badPlace.withLock { $0 = range.lowerBound + range.count / 2 }
      do {
        #expect(try Self.logits(model) == sample.logits)
      } catch let error as PackFileError {
        failureCount += 1
        guard case .sectionUnreadable(_, .parameters, .readFailed(_, EIO)) = error.fact else {
          Issue.record("\(error)")
          continue
        }
        #expect(error.diagnosis.status == .ioFailure)
      }
      watched.badPlace.withLock { $0 = nil }
      #expect(try Self.logits(model) == sample.logits)
    }
    #expect(failureCount > ranges.count / 2)
  }

  @Test func changedBytesAreRefusedOrNeverUsed() throws {
    let sample = try #require(DamagedPackTests.sample)
    var generator = SplitMix64(seed: 21)
    var refusedCount = 0, harmlessCount = 0
    for _ in 0..<400 {
      var bytes = sample.bytes
      let place = Int.random(in: bytes.indices, using: &generator)
      bytes[place] ^= UInt8.random(in: 1...255, using: &generator)
      do {
        let logits = try Self.logits(Self.open(InMemoryBytes(bytes)))
        #expect(logits == sample.logits, "byte \(place) changed the output")
        harmlessCount += 1
      } catch let error as any Diagnosable {
        refusedCount += 1
        #expect(error.diagnosis.status == .malformedInput || error.diagnosis.status == .unsupported)
      }
    }
    // What lies in an expert that no token visits is never read.
    #expect(refusedCount > 200 && refusedCount + harmlessCount == 400)
  }

  @Test func aWrongChecksumEndsGenerationWithoutText() throws {
    let folder = TemporaryFolder()
    let path = try GoldenTests.compile(Fixtures.path("models/novelist-moe"), into: folder)
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let reader = try PackReader(path: path)
    for item in reader.parameters where item.parameter.name.contains("layers.0") && item.parameter.role == "expert" {
      bytes[reader.sections[item.placement.section].offset + item.placement.offset] ^= 1
    }
    let damaged = folder.path("damaged.swage")
    try Data(bytes).write(to: URL(fileURLWithPath: damaged))
    let run = try CommandRun(
      "swage-run", ["generate", damaged, "--prompt", "It was", "--tokens", "4", "--expert-memory", "25%"])
    #expect(run.status == 65 && run.output.isEmpty && run.error.contains("pack.section-checksum"), "\(run.error)")
    #expect(run.error.contains("damaged.swage, section"))
  }

  @Test func aFileShortenedAfterOpeningEndsThePassWithAnError() throws {
    let folder = TemporaryFolder()
    let path = try GoldenTests.compile(Fixtures.path("models/novelist-moe"), into: folder)
    let model = try PackedModel.open(path: path, context: DamagedPackTests.context, expertMemory: .share(0.25))
    let byteCount = model.reader.byteCount
    #expect(truncate(path, byteCount / 2) == 0)
    let error = #expect(throws: PackFileError.self) { try Self.logits(model) }
    guard case .sectionUnreadable(_, .parameters, let inner) = error?.fact else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(
      inner == .changedWhileOpen(path: path, expectedByteCount: byteCount, foundByteCount: byteCount / 2))
    #expect(error?.diagnosis.status == .ioFailure)
  }
}
