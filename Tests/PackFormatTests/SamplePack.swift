import ByteIO
import Encodings
import TensorCore
import TestSupport

@testable import PackFormat

/// A small synthetic pack: what goes in, and the bytes that come out.
struct SamplePack {
  var contents: PackContents
  /// One per parameter.
  var payloads: [[UInt8]]
  var digests: [SHA256Digest]
  var accuracy: [AccuracyRecord]

  /// Every kind of section, several encodings, shared and single sections; two experts of `expertWidth` × 64.
  init(
    expertWidth: Int = 2, tokenizer: [UInt8]? = Array("tokenizer tables".utf8), template: String? = "{{ messages }}"
  ) {
    let grouped = Encoding.grouped(
      GroupedEncoding(bits: 4, groupElementCount: 32, isSymmetric: false, scaleType: .f16))
    let symmetric = Encoding.grouped(
      GroupedEncoding(bits: 3, groupElementCount: 64, isSymmetric: true, scaleType: .bf16))
    var parameters = [
      Self.parameter("embedding.tokens", "embedding", [3, 64], symmetric),
      Self.parameter("layers.0.norm", "norm", [5], .dense(.f32)),
      Self.parameter("layers.0.attention.query", "attention", [33, 64], .dense(.bf16)),
      Self.parameter("layers.0.mlp.router", "router", [2, 64], .dense(.f16)),
    ]
    for expert in 0..<2 {
      for matrix in ["gate", "up", "down"] {
        parameters.append(
          Self.parameter("layers.0.mlp.experts.\(expert).\(matrix)", "expert", [expertWidth, 64], grouped))
      }
    }
    parameters.append(Self.parameter("norm", "norm", [7], .dense(.f16)))
    let manifest = PackManifest(
      toolVersion: "swage 0.0.1", architecture: "sample", vocabularyCount: 300, contextLength: 128, beginningID: 1,
      endIDs: [2, 299], generation: GenerationDefaults(temperature: 0.6, topK: 20, topP: 0.95, samples: true),
      passList: "version: 1\npasses:\n  - quantize: { bits: 4 }\n", parameters: parameters,
      sources: [
        PackSource(name: "config.json", byteCount: 17), PackSource(name: "model.safetensors", byteCount: 1 << 40),
      ])
    contents = PackContents(
      manifest: manifest, graphText: String(repeating: "%1 = linear %0 layers.0.attention.query\n", count: 8),
      tokenizer: tokenizer, chatTemplate: template)
    var generator = SplitMix64(seed: 7)
    payloads = parameters.map { parameter in
      (0..<parameter.byteCount).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }
    digests = [SHA256Digest(bytes: Array(1...32)), SHA256Digest(bytes: Array(101...132))]
    accuracy = [Self.accuracyRecord]
  }

  static let accuracyRecord = AccuracyRecord(
    tokenCount: 4_096, windowTokenCount: 256, originalPerplexity: 7.5, compiledPerplexity: 7.75,
    perplexityRatio: AccuracyRecord.Estimate(mean: 1.03, low: 1.02, high: 1.04),
    divergence: AccuracyRecord.Estimate(mean: 0.02, low: 0.01, high: 0.03), divergenceP99: 0.4, topAgreement: 0.93,
    textDigest: SHA256Digest(bytes: Array(201...232)), textName: "eval.txt")

  static func parameter(_ name: String, _ role: String, _ dimensions: [Int], _ encoding: Encoding) -> PackParameter {
    PackParameter(name: name, role: role, dimensions: dimensions, encoding: encoding, originalType: .bf16)
  }

  /// Writes the pack to `path`.
  func write(to path: String) throws {
    let writer = try PackWriter(PackLayout(contents), to: AtomicFileWriter(path: path))
    for payload in payloads { try writer.append(InMemoryBytes(payload)) }
    try writer.finishDraft(sourceDigests: digests)
    if !accuracy.isEmpty { try writer.record(accuracy) }
    try writer.commit()
  }

  /// Parameters in every expression over encodings, and in one that nests them.
  static var composites: SamplePack {
    var sample = SamplePack()
    let texts = [
      "sparse(2:4 grouped(bits=4 group=32 asymmetric scale=f16))", "low_rank(rank=3 dense(f16) dense(bf16))",
      "sum(dense(f16) low_rank(rank=1 dense(f32) dense(f32)))", "wrapped(block=8 type=bf16 sparse(3:8 dense(f16)))",
    ]
    sample.contents.manifest.parameters = texts.enumerated().compactMap { index, text in
      (try? Encoding(parsing: text)).map { parameter("layers.0.mlp.w\(index)", "mlp", [16, 64], $0) }
    }
    sample.payloads = sample.contents.manifest.parameters.map { parameter in
      (0..<parameter.byteCount).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    }
    return sample
  }

  /// Two tasks, of which the second has a signature of other length: what the graph allows is not the container's.
  static var withTasks: SamplePack {
    var sample = SamplePack()
    sample.contents.manifest.tasks = [
      PackTask(name: "prose", experts: [[0], [0, 1, 70_000]], signature: [0.75, 0.25]),
      PackTask(name: "söurce code", experts: [[1], [2]], signature: [0, 1, 0]),
    ]
    return sample
  }

  /// The bytes of the pack.
  func bytes() throws -> [UInt8] {
    let folder = TemporaryFolder()
    try write(to: folder.path("sample.swage"))
    return try FileSystem.readSmallFile(folder.path("sample.swage"), limit: 1 << 30)
  }
}

/// Everything a reader gives, for comparison.
struct PackSnapshot: Equatable {
  let contents: PackContents
  let payloads: [[UInt8]]
  let digests: [SHA256Digest]
  let accuracy: [AccuracyRecord]

  init(_ sample: SamplePack) {
    contents = sample.contents
    payloads = sample.payloads
    digests = sample.digests
    accuracy = sample.accuracy
  }

  init(_ reader: PackReader) throws {
    contents = PackContents(
      manifest: reader.manifest, graphText: reader.graphText, tokenizer: reader.tokenizer,
      chatTemplate: reader.chatTemplate)
    payloads = try reader.parameters.map { try reader.bytes(of: $0).withBytes { [UInt8](copying: $0) } }
    digests = reader.sourceDigests
    accuracy = reader.accuracy
  }
}

/// Opens `bytes` as a pack and verifies all of it.
func openWhole(_ bytes: [UInt8]) throws(PackFileError) -> PackReader {
  let reader = try PackReader(InMemoryBytes(bytes), path: "a.swage")
  try reader.verifyAll()
  return reader
}

/// The rule that `bytes` break, nil when they are a pack.
func brokenRule(_ bytes: [UInt8]) -> PackFormatError? {
  do throws(PackFileError) {
    _ = try openWhole(bytes)
    return nil
  } catch {
    return error.fact
  }
}
