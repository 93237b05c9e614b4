import ByteIO
import DecodeKernels
import Diagnostics
import Execution
import Foundation
import PackFormat
import PackRuntime
import Parallelism
import TensorCore
import TestSupport
import Testing

/// Damaged packs, opened and run in this process, so that a sanitizer sees every access.
@Suite struct DamagedPackTests {
  static let context = KernelContext(pool: WorkerPool(threadCount: 1))

  /// A small pack with experts and two encodings, and its logits on a few tokens.
  static let sample: (bytes: [UInt8], sections: [PackSection], logits: [Float])? = {
    let folder = TemporaryFolder()
    let path = folder.path("sample.swage")
    let run = try? CommandRun(
      "swage",
      [
        "compile", Fixtures.path("tiny/qwen3-moe"), "-o", path, "--pass",
        "quantize bits=5 group=32 targets=*.experts.*",
      ])
    guard run?.status == 0, let data = try? Data(contentsOf: URL(fileURLWithPath: path)) else { return nil }
    let bytes = [UInt8](data)
    guard let reader = try? PackReader(InMemoryBytes(bytes), path: "sample"), let logits = try? logits(of: bytes) else {
      return nil
    }
    return (bytes, reader.sections, logits)
  }()

  /// Opens, binds and runs a pack; throws what refuses it.
  static func logits(of bytes: [UInt8]) throws -> [Float] {
    let model = try PackedModel(PackReader(InMemoryBytes(bytes), path: "sample"), context: context)
    var logits: [Float] = []
    try model.executor.forward([1, 2, 3], cache: model.executor.makeCache(), logits: .all) { _, row in
      for index in row.indices { logits.append(row[index]) }
    }
    return logits
  }

  @Test func sampleRuns() throws {
    let sample = try #require(Self.sample)
    #expect(sample.logits.count == 3 * 512 && sample.sections.count > 20)
  }

  @Test func truncationAtEverySectionBoundaryIsRefused() throws {
    let sample = try #require(Self.sample)
    let boundaries =
      sample.sections.flatMap { [$0.range.lowerBound, $0.range.upperBound] } + [0, 64, sample.bytes.count - 64]
    for boundary in boundaries {
      for length in [boundary - 1, boundary, boundary + 1] where length >= 0 && length < sample.bytes.count {
        #expect(throws: PackFileError.self) { try Self.logits(of: Array(sample.bytes[..<length])) }
      }
    }
  }

  @Test func fiveThousandChangedBytesAreRefusedOrHarmless() throws {
    let sample = try #require(Self.sample)
    var generator = SplitMix64(seed: 20)
    var refusedCount = 0
    for _ in 0..<5_000 {
      var bytes = sample.bytes
      let place = Int.random(in: bytes.indices, using: &generator)
      bytes[place] ^= UInt8.random(in: 1...255, using: &generator)
      do {
        let logits = try Self.logits(of: bytes)
        #expect(logits == sample.logits, "byte \(place) changed the output")
      } catch let error as any Diagnosable {
        refusedCount += 1
        #expect(error.diagnosis.status == .malformedInput || error.diagnosis.status == .unsupported)
      }
    }
    #expect(refusedCount == 5_000)
  }
}
