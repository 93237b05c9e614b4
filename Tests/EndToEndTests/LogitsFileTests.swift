import ByteIO
import CheckpointImport
import Foundation
import PackRuntime
import TestSupport
import Testing

struct LogitsFileTests {
  private let folder = TemporaryFolder()

  @Test(arguments: [(0, 7), (1, 1), (3, 50), (5, 40_000)])
  func rowsReadBackAsTheyWereWritten(tokenCount: Int, vocabularyCount: Int) throws {
    let path = folder.path("logits.safetensors")
    let logits = (0..<tokenCount * vocabularyCount).map { Float($0) * 0.37 - 1_000 }
    let writer = try LogitsFileWriter(path: path, tokenCount: tokenCount, vocabularyCount: vocabularyCount)
    for token in 0..<tokenCount {
      try writer.append(logits.span.extracting(token * vocabularyCount..<(token + 1) * vocabularyCount))
    }
    #expect(!FileManager.default.fileExists(atPath: path))
    try writer.finish()

    let read = try GoldenTensors(path)
    #expect(read.dimensions("logits") == [tokenCount, vocabularyCount])
    #expect(read.floats("logits") == logits)
    let checkpoint = try SafetensorsCheckpoint(path: path)
    #expect(checkpoint.tensorNames == ["logits"])
    #expect(checkpoint.entry(named: "logits").map { $0.byteRange.lowerBound % 8 } == 0)
  }

  @Test func specialValuesKeepTheirBits() throws {
    let path = folder.path("logits.safetensors")
    let logits: [Float] = [.infinity, -.infinity, .nan, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude]
    let writer = try LogitsFileWriter(path: path, tokenCount: 2, vocabularyCount: 3)
    try writer.append(logits.span)
    try writer.finish()
    #expect(try GoldenTensors(path).floats("logits").map(\.bitPattern) == logits.map(\.bitPattern))
  }

  @Test func anExistingFileIsReplacedOnlyWhenAsked() throws {
    let path = folder.path("logits.safetensors")
    try Data([1]).write(to: URL(fileURLWithPath: path))
    #expect(throws: ByteIOError.destinationExists(path: path)) {
      try LogitsFileWriter(path: path, tokenCount: 1, vocabularyCount: 1)
    }
    let writer = try LogitsFileWriter(path: path, tokenCount: 1, vocabularyCount: 1, replacing: true)
    try writer.append([0.5].span)
    try writer.finish()
    #expect(try GoldenTensors(path).floats("logits") == [0.5])
  }
}
